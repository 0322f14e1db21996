package valkeystore_test

import (
	"os"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("What a server refuses", func() {
	surelyNot := func(err error, code string, is ...error) {
		GinkgoHelper()
		for _, e := range is {
			Expect(err).To(MatchError(e))
		}
		Expect(err).NotTo(MatchError(cryptomem.ErrMaybeApplied))
		Expect(err).To(MatchError(ContainSubstring(code)))
	}

	var server *valkeytest.Server
	var c caller
	var version uint64

	// prepared starts a server with one value in it.
	prepared := func(args ...string) {
		GinkgoHelper()
		server = startServer(args...)
		c = caller{openOnce("valkey://" + server.Addr)}
		Expect(c.set("name", "old", 0)).To(Succeed())
		var err error
		_, version, err = c.getv("name", false)
		Expect(err).NotTo(HaveOccurred())
		Expect(c.cas("warm", "scripts", 1, 0, false)).Error().To(MatchError(cryptomem.ErrNotFound))
	}

	// refused expects plain writes, compare-and-swap and locks to be refused, and
	// the old value to be there afterwards.
	refused := func(code string, is ...error) {
		GinkgoHelper()
		surelyNot(c.set("name", "new", 0), code, is...)
		_, err := c.cas("name", "new", version, 0, false)
		surelyNot(err, code, is...)
		_, err = c.add("lock", "me", time.Minute, true)
		surelyNot(err, code, is...)
		Expect(c.store.(*valkeystore.Store).Counts()).To(HaveKeyWithValue(code, BeEquivalentTo(3)))
	}
	untouched := func() {
		GinkgoHelper()
		Eventually(func() (string, error) { return c.get("name") }).Should(Equal("old"))
	}

	It("is OOM at maxmemory: the store is full, and nothing was applied", func() {
		prepared("--maxmemory-policy", "noeviction")
		server.Must("CONFIG", "SET", "maxmemory", "1")
		refused("OOM", cryptomem.ErrFull, cryptomem.ErrUnavailable)
		untouched()
	})

	It("is MISCONF when it cannot save", func() {
		prepared(since(7, "--enable-protected-configs", "yes")...)
		dir, err := os.MkdirTemp(GinkgoT().TempDir(), "gone")
		Expect(err).NotTo(HaveOccurred())
		server.Must("CONFIG", "SET", "dir", dir)
		Expect(os.Remove(dir)).To(Succeed())
		server.Must("CONFIG", "SET", "save", "3600 1000000")
		server.Must("BGSAVE")
		Eventually(func() string { return server.Text("INFO", "persistence") }).Should(ContainSubstring("rdb_last_bgsave_status:err"))
		refused("MISCONF", cryptomem.ErrUnavailable)
		untouched()
	})

	It("is NOREPLICAS while replicas are missing", func() {
		prepared()
		server.Must("CONFIG", "SET", "min-replicas-to-write", "1")
		refused("NOREPLICAS", cryptomem.ErrUnavailable)
		untouched()
	})

	It("is READONLY on a node that became a replica, for scripts, too", func() {
		prepared()
		server.Must("REPLICAOF", "127.0.0.1", "1")
		refused("READONLY", cryptomem.ErrUnavailable)
		untouched()
	})

	It("is MASTERDOWN on a replica that lost its primary", func() {
		prepared()
		server.Must("CONFIG", "SET", "replica-serve-stale-data", "no")
		server.Must("REPLICAOF", "127.0.0.1", "1")
		_, err := c.get("name")
		surelyNot(err, "MASTERDOWN", cryptomem.ErrUnavailable)
	})

	It("is LOADING while it reads its data", func() {
		prepared(since(7, "--enable-debug-command", "yes")...)
		server.Must("CONFIG", "SET", "key-load-delay", "1000")
		server.Must("CONFIG", "SET", "rdbcompression", "no")
		size := "20480" // before 7.0, a server answers every 2 MB
		if often := since(7, "CONFIG", "SET", "loading-process-events-interval-bytes", "1024"); often != nil {
			server.Must(often...)
			size = "64"
		}
		server.Must("DEBUG", "POPULATE", "2000", "key", size)
		reloaded := make(chan struct{})
		go func() {
			defer GinkgoRecover()
			defer close(reloaded)
			server.Must("DEBUG", "RELOAD")
		}()
		var err error
		Eventually(func() error { _, err = c.get("name"); return err }).Should(HaveOccurred())
		surelyNot(err, "LOADING", cryptomem.ErrUnavailable)
		surelyNot(c.set("name", "new", 0), "LOADING", cryptomem.ErrUnavailable)
		Eventually(reloaded).WithTimeout(testTimeout).Should(BeClosed())
		untouched()
	})

	It("is BUSY while it runs a slow script", func() {
		prepared("--lua-time-limit", "1")
		go server.Do("EVAL", "while true do end", "0")
		var err error
		Eventually(func() error { _, err = c.get("name"); return err }).Should(HaveOccurred())
		surelyNot(err, "BUSY", cryptomem.ErrUnavailable)
		surelyNot(c.set("name", "new", 0), "BUSY", cryptomem.ErrUnavailable)
		other := caller{openOnce("valkey://" + server.Addr)}
		surelyNot(other.set("name", "new", 0), "BUSY", cryptomem.ErrUnavailable)
		server.Kill()
	})

	It("is NOPERM without a right, naming the right", func() {
		prepared()
		server.Must("ACL", "SETUSER", "app", "on", ">pass", "~*", "+@all", "-set")
		app := caller{openOnce("valkey://app:pass@" + server.Addr)}
		surelyNot(app.set("name", "new", 0), "NOPERM", cryptomem.ErrDenied)
		untouched()
	})

	It("is NOPERM for a key outside of the user's prefix", func() {
		prepared()
		server.Must("ACL", "SETUSER", "app", "on", ">pass", "~app:*", "+@all")
		app := caller{openOnce("valkey://app:pass@" + server.Addr)}
		surelyNot(app.set("name", "new", 0), "NOPERM", cryptomem.ErrDenied)
		surelyNot(app.delete("name"), "NOPERM", cryptomem.ErrDenied)
	})

	It("is not supported where scripts are forbidden, and the rest works", func() {
		prepared()
		server.Must("ACL", "SETUSER", "app", "on", ">pass", "~*", "+@all", "-@scripting")
		app := caller{openOnce("valkey://app:pass@" + server.Addr)}
		Expect(app.get("name")).To(Equal("old"))
		Expect(app.cas("name", "new", version, 0, false)).Error().To(MatchError(cryptomem.ErrNotSupported))
		Expect(app.add("lock", "me", time.Minute, true)).Error().To(MatchError(cryptomem.ErrNotSupported))
	})

	It("is NOAUTH without a password", func() {
		server = startServer("--requirepass", "secret")
		surelyNot(caller{openOnce("valkey://" + server.Addr)}.set("name", "1", 0), "NOAUTH", cryptomem.ErrDenied)
		Expect(caller{openOnce("valkey://:secret@" + server.Addr)}.set("name", "1", 0)).To(Succeed())
	})

	It("is WRONGPASS with a wrong one", func() {
		server = startServer("--requirepass", "secret")
		err := caller{openOnce("valkey://:hidden@" + server.Addr)}.set("name", "1", 0)
		surelyNot(err, "WRONGPASS", cryptomem.ErrDenied)
		Expect(err).NotTo(MatchError(ContainSubstring("hidden")))
	})

	It("is WRONGTYPE for another program's list, which only a plain SET replaces", func() {
		prepared()
		server.Must("RPUSH", "list", "1")
		wrong := func(err error) {
			GinkgoHelper()
			surelyNot(err, "WRONGTYPE", valkeystore.ErrWrongType)
		}
		_, err := c.get("list")
		wrong(err)
		wrong(c.do(&cryptomem.Request{Command: wire.GetDel, Name: []byte("list")}))
		_, err = c.cas("list", "new", 1, 0, false)
		wrong(err)
		_, err = c.add("list", "me", time.Minute, true)
		wrong(err)
		Expect(c.store.(*valkeystore.Store).Counts()).To(Equal(map[string]uint64{"WRONGTYPE": 4}))
		Expect(server.Text("TYPE", "list")).To(Equal("list"))
		Expect(c.set("list", "1", 0)).To(Succeed())
		Expect(server.Text("TYPE", "list")).To(Equal("string"))
	})

	It("is the same from within a script of a server before 7.0, which says it in other words", func() {
		const words = "Error running script (call to f_67af0d86323e88a4ee4bfd014e2efcd6f2587487): @user_script:20: @user_script: 20: -"
		for said, meant := range map[string]error{
			"OOM command not allowed when used memory > 'maxmemory'.":                 cryptomem.ErrFull,
			"READONLY You can't write against a read only replica.":                   cryptomem.ErrUnavailable,
			"NOREPLICAS Not enough good replicas to write.":                           cryptomem.ErrUnavailable,
			"MISCONF Redis is configured to save RDB snapshots, but it's not able to": cryptomem.ErrUnavailable,
		} {
			err := valkeystore.RefusalOf(words + said)
			Expect(err).To(MatchError(meant))
			Expect(err).To(HaveField("Code", strings.Fields(said)[0]))
		}
	})

	It("is anything else: final, with the server's message", func() {
		prepared("--rename-command", "GETDEL", "")
		err := c.do(&cryptomem.Request{Command: wire.GetDel, Name: []byte("name")})
		surelyNot(err, "unknown command")
		Expect(err).NotTo(MatchError(cryptomem.ErrUnavailable))
		Expect(c.store.(*valkeystore.Store).Counts()).To(Equal(map[string]uint64{"other": 1}))
	})

	Describe("in a cluster", func() {
		// A node without slots. After its cluster was down, it waits for about its timeout.
		node := func() *valkeytest.Server {
			return startServer("--cluster-enabled", "yes", "--cluster-require-full-coverage", "yes", "--cluster-node-timeout", "1000")
		}
		cluster := func() *valkeytest.Server {
			s := node()
			s.AddSlots(0, 16383)
			Eventually(func() string { return s.Text("CLUSTER", "INFO") }).WithTimeout(testTimeout).Should(ContainSubstring("cluster_state:ok"))
			return s
		}

		It("is CLUSTERDOWN while no node serves a slot", func() {
			server = cluster()
			c = caller{openOnce("valkey://" + server.Addr)}
			Expect(c.set("name", "old", 0)).To(Succeed())
			server.Must("CLUSTER", "DELSLOTS", "1")
			Eventually(func() string { return server.Text("CLUSTER", "INFO") }).WithTimeout(testTimeout).Should(ContainSubstring("cluster_state:fail"))
			surelyNot(c.set("name", "new", 0), "CLUSTERDOWN", cryptomem.ErrUnavailable)
		})

		It("is MOVED for a user who may not see the slots, and says which right is missing", func() {
			server = cluster()
			server.Must("CLUSTER", "DELSLOTS", "5798") // that of "name"
			server.Must("CONFIG", "SET", "cluster-require-full-coverage", "no")
			server.Must("ACL", "SETUSER", "app", "on", ">pass", "~*", "+@all", "-cluster")
			other := node()
			other.AddSlots(5798, 5798)
			other.Must("CLUSTER", "MEET", "127.0.0.1", strings.Split(server.Addr, ":")[1])
			app := caller{openOnce("valkey://app:pass@" + server.Addr)}
			var err error
			Eventually(func() error { err = app.set("name", "1", 0); return err }).WithTimeout(testTimeout).Should(MatchError(ContainSubstring("MOVED")))
			surelyNot(err, "+cluster|slots", cryptomem.ErrUnavailable)
		})

		It("is TRYAGAIN only for commands of two keys, of which there are none", func() {
			server = cluster()
			other := node()
			server.Must("CLUSTER", "MEET", "127.0.0.1", strings.Split(other.Addr, ":")[1])
			id := server.Text("CLUSTER", "MYID")
			Eventually(func() string { return other.Text("CLUSTER", "NODES") }).WithTimeout(testTimeout).Should(MatchRegexp(id + ".*0-16383"))
			other.Must("CLUSTER", "SETSLOT", "5798", "IMPORTING", id)
			var err error
			Eventually(func() error {
				other.Must("ASKING")
				err = other.Do("MGET", "{name}1", "{name}2").Error()
				return err
			}).WithTimeout(testTimeout).Should(MatchError(HavePrefix("TRYAGAIN")))
			Expect(valkeystore.RefusalOf(err.Error())).To(MatchError(cryptomem.ErrUnavailable))
		})
	})
})
