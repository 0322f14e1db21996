package access_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

func writeList(text string) string {
	GinkgoHelper()
	file := filepath.Join(GinkgoT().TempDir(), "identities.yaml")
	Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
	return file
}

func load(text string) *access.List {
	GinkgoHelper()
	list, err := access.Load(writeList(text))
	Expect(err).NotTo(HaveOccurred())
	return list
}

var _ = Describe("An identity", func() {
	var nc net.Conn // tokens do not depend on the connection

	It("is proven by a token that the file holds the hash of", func() {
		token, hash := access.NewToken()
		list := load("web: {tokens: ['" + hash + "'], prefixes: ['']}")

		_, err := list.Authenticate(nc, nil, []byte("web"), []byte(token))
		Expect(err).NotTo(HaveOccurred())
		_, err = list.Authenticate(nc, nil, []byte("web"), []byte(hash))
		Expect(err).To(MatchError(access.ErrWrongToken))
		_, err = list.Authenticate(nc, nil, []byte("web"), nil)
		Expect(err).To(MatchError(access.ErrWrongToken))
		_, err = list.Authenticate(nc, nil, []byte("other"), []byte(token))
		Expect(err).To(MatchError(access.ErrUnknownIdentity))
	})

	It("may have two tokens while one is replaced by the other", func() {
		list := load("web: {tokens: ['" + access.HashToken("old") + "', '" + access.HashToken("new") + "'], prefixes: ['']}")
		for _, token := range []string{"old", "new"} {
			_, err := list.Authenticate(nc, nil, []byte("web"), []byte(token))
			Expect(err).NotTo(HaveOccurred())
		}
	})

	permission := func(rules string) server.Permission {
		GinkgoHelper()
		p, err := load("web: {tokens: ['"+access.HashToken("t")+"'], "+rules+"}").Authenticate(nc, nil, []byte("web"), []byte("t"))
		Expect(err).NotTo(HaveOccurred())
		return p
	}
	reads := []wire.Command{wire.Get, wire.GetV}
	writes := []wire.Command{
		wire.Set, wire.Delete, wire.Add, wire.Replace,
		wire.Touch, wire.CAS, wire.GetDel, wire.Flush,
	}

	It("touches keys under its prefixes and namespaces and no others, whatever the command", func() {
		p := permission("namespaces: [blue], prefixes: ['shared/']")
		for _, c := range append(reads, writes...) {
			Expect(p.Allows(c, []byte("shared/x"))).To(BeTrue(), c.String())
			Expect(p.Allows(c, []byte("\x04bluex"))).To(BeTrue(), c.String())
			for _, key := range []string{"", "x", "shared", "\x03blue", "blue", "\x05blues", "Shared/x"} {
				Expect(p.Allows(c, []byte(key))).To(BeFalse(), "%s %q", c, key)
			}
		}
	})

	It("changes nothing when it is read-only", func() {
		p := permission("prefixes: [''], read_only: true")
		for _, c := range reads {
			Expect(p.Allows(c, []byte("k"))).To(BeTrue(), c.String())
		}
		for _, c := range writes {
			Expect(p.Allows(c, []byte("k"))).To(BeFalse(), c.String())
		}
	})

	It("sees statistics only where it is said so, and is always answered a ping", func() {
		Expect(permission("prefixes: ['']").Allows(wire.Stats, nil)).To(BeFalse())
		Expect(permission("prefixes: [''], stats: true").Allows(wire.Stats, nil)).To(BeTrue())
		Expect(permission("prefixes: [a]").Allows(wire.Ping, nil)).To(BeTrue())
	})

	It("is told names that it may read, unless that is withheld", func() {
		p := permission("prefixes: [a], read_only: true")
		Expect(p.Allows(wire.Scan, []byte("a1"))).To(BeTrue())
		Expect(p.Allows(wire.Scan, nil)).To(BeFalse())
		Expect(p.Allows(wire.Scan, []byte("b"))).To(BeFalse())
		Expect(permission("prefixes: [a], scan: false").Allows(wire.Scan, []byte("a1"))).To(BeFalse())
	})

	It("may be held to shorter values than others", func() {
		limit := permission("prefixes: [''], max_value_size: 64KiB").(server.ValueLimit)
		Expect(limit.MaxValueSize()).To(Equal(64 << 10))
		limit = permission("prefixes: ['']").(server.ValueLimit)
		Expect(limit.MaxValueSize()).To(BeZero())
	})

	It("has at most as many connections as it may", func() {
		list := load("web: {tokens: ['" + access.HashToken("t") + "'], prefixes: [''], max_connections: 1}")
		first, err := list.Authenticate(nc, nil, []byte("web"), []byte("t"))
		Expect(err).NotTo(HaveOccurred())
		_, err = list.Authenticate(nc, nil, []byte("web"), []byte("t"))
		Expect(err).To(MatchError(access.ErrTooManyConnections))
		Expect(err).To(MatchError(wire.Refusal{Status: wire.Busy, Message: "busy: web has reached its limit of connections (1)"}))

		closer := first.(io.Closer)
		Expect(closer.Close()).To(Succeed())
		Expect(closer.Close()).To(Succeed())
		_, err = list.Authenticate(nc, nil, []byte("web"), []byte("t"))
		Expect(err).NotTo(HaveOccurred())
		Expect(list.Use()).To(Equal([]access.Use{{Identity: "web", Connections: 1}}))
	})

	It("keeps its connection when it proves itself again, though it has no other", func() {
		list := load("web: {tokens: ['" + access.HashToken("t") + "'], prefixes: [''], max_connections: 1}")
		first, err := list.Authenticate(nc, nil, []byte("web"), []byte("t"))
		Expect(err).NotTo(HaveOccurred())
		second, err := list.Authenticate(nc, first, []byte("web"), []byte("t"))
		Expect(err).NotTo(HaveOccurred())
		Expect(first.(io.Closer).Close()).To(Succeed())
		Expect(list.Use()).To(Equal([]access.Use{{Identity: "web", Connections: 1}}))
		Expect(second.(io.Closer).Close()).To(Succeed())
		Expect(list.Use()).To(Equal([]access.Use{{Identity: "web"}}))
	})
})

var _ = Describe("A replaced identities file", func() {
	var (
		file       string
		list       *access.List
		permission server.Permission
	)
	const other = "other: {certificates: [other.example.com], prefixes: ['']}"
	web := func(token, rules string) string {
		return "web: {tokens: ['" + access.HashToken(token) + "'], " + rules + "}\n"
	}
	BeforeEach(func() {
		file = writeList(web("one", "prefixes: [a]"))
		var err error
		list, err = access.Load(file)
		Expect(err).NotTo(HaveOccurred())
		permission, err = list.Authenticate(nil, nil, []byte("web"), []byte("one"))
		Expect(err).NotTo(HaveOccurred())
	})
	replace := func(text string) error {
		GinkgoHelper()
		Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
		return list.Reload(file)
	}

	It("rules open connections from their next request on", func() {
		Expect(replace(web("one", "prefixes: [b]"))).To(Succeed())
		Expect(permission.Allows(wire.Get, []byte("a"))).To(BeFalse())
		Expect(permission.Allows(wire.Get, []byte("b"))).To(BeTrue())
	})

	It("ends what a token that it no longer lists had opened", func() {
		Expect(replace(web("two", "prefixes: [a]"))).To(Succeed())
		Expect(permission.Allows(wire.Get, []byte("a"))).To(BeFalse())
	})

	It("ends what an identity that it no longer lists had opened, and does not revive it", func() {
		Expect(replace(other)).To(Succeed())
		Expect(permission.Allows(wire.Get, []byte("a"))).To(BeFalse())
		Expect(replace(web("two", "prefixes: [a]"))).To(Succeed())
		Expect(permission.Allows(wire.Get, []byte("a"))).To(BeFalse())
	})

	It("revokes what its predecessor permitted, not what it merely narrows", func() {
		revoked := permission.(server.Revocable).Revoked
		Expect(revoked()).To(BeFalse())
		Expect(replace(web("one", "prefixes: [b]"))).To(Succeed())
		Expect(revoked()).To(BeFalse())
		Expect(replace(web("two", "prefixes: [a]"))).To(Succeed())
		Expect(revoked()).To(BeTrue())
		Expect(replace(web("one", "prefixes: [a]"))).To(Succeed())
		Expect(revoked()).To(BeFalse())
		Expect(replace(other)).To(Succeed())
		Expect(revoked()).To(BeTrue())
	})

	It("lets clients of an identity that was missing for a while go on", func() {
		const rules = "prefixes: [a], max_connections: 1"
		Expect(replace(web("one", rules))).To(Succeed())
		permission.(server.RequestCounter).Count(true)
		Expect(replace(other)).To(Succeed())
		Expect(list.Use()).To(Equal([]access.Use{{Identity: "other"}}))
		_, err := list.Authenticate(nil, nil, []byte("web"), []byte("one"))
		Expect(err).To(MatchError(access.ErrUnknownIdentity))

		Expect(replace(web("one", rules))).To(Succeed())
		Expect(permission.Allows(wire.Get, []byte("a"))).To(BeTrue())
		Expect(list.Use()).To(Equal([]access.Use{{Identity: "web", Connections: 1, Requests: 1}}))
		_, err = list.Authenticate(nil, nil, []byte("web"), []byte("one"))
		Expect(err).To(MatchError(access.ErrTooManyConnections), "the open one counts")
	})

	It("may come while clients prove who they are, and ends what the old one let in", func() {
		var done atomic.Bool
		let := make(chan []server.Permission)
		go func() {
			var in []server.Permission
			for !done.Load() {
				if p, err := list.Authenticate(nil, nil, []byte("web"), []byte("one")); err == nil {
					in = append(in, p)
				}
			}
			let <- in
		}()
		for range 200 {
			Expect(replace(other)).To(Succeed())
			Expect(replace(web("one", "prefixes: [a]"))).To(Succeed())
		}
		Expect(replace(web("two", "prefixes: [a]"))).To(Succeed())
		done.Store(true)
		for _, p := range <-let {
			if p.Allows(wire.Get, []byte("a")) {
				Fail("a token that is no longer listed still counts")
			}
		}
	})

	It("changes nothing when it is wrong", func() {
		Expect(replace("web: {}")).NotTo(Succeed())
		Expect(permission.Allows(wire.Get, []byte("a"))).To(BeTrue())
	})

	It("is refused if it is empty, so that no client is locked out", func() {
		for _, text := range []string{"", "# web: {}\n", "{}", "---\n"} {
			Expect(replace(text)).To(MatchError(ContainSubstring(file+":1:1: the file names no identity")), text)
			Expect(permission.Allows(wire.Get, []byte("a"))).To(BeTrue(), text)
		}
	})
})

var _ = Describe("An identities file", func() {
	It("is refused with every mistake, its place, and what is allowed, and never repeats a token", func() {
		_, err := access.Load("testdata/bad.yaml")
		expected, readErr := os.ReadFile("testdata/bad.err")
		Expect(readErr).NotTo(HaveOccurred())
		Expect(err).To(HaveOccurred())
		Expect(err.Error() + "\n").To(Equal(string(expected)))
		Expect(err.Error()).NotTo(ContainSubstring("hunter2"))
	})

	It("that is too large, or no file at all, is not read", func() {
		file := writeList("")
		Expect(os.Truncate(file, access.MaxFileSize+1)).To(Succeed())
		_, err := access.Load(file)
		Expect(err).To(MatchError(ContainSubstring(file + " is 16777217 bytes, limit 16777216")))
		_, err = access.Load(os.DevNull)
		Expect(err).To(MatchError(ContainSubstring("not a regular file")))
	})

	It("that is some other file is refused in a few dozen lines, before it fills the memory", func() {
		many := new(strings.Builder)
		for i := range 10_000 {
			fmt.Fprintf(many, "line%d: {colour: blue}\n", i)
		}
		_, err := access.Load(writeList(many.String()))
		Expect(err).To(HaveLen(config.MaxProblems + 1))
		_, err = access.Load(writeList("web: {prefixes: [" + strings.Repeat(`"",`, 2<<20) + "]}"))
		Expect(err).To(MatchError(ContainSubstring("the file holds some 2097156 values, limit 1048576")))
		_, err = access.Load(writeList("web: {tokens: ['" + access.HashToken("t") + "'], prefixes: [" + strings.Repeat(`"",`, 1001) + "]}"))
		Expect(err).To(MatchError(ContainSubstring("web: prefixes: the list has 1001 entries, limit 1000")))
	})

	It("that is missing is named", func() {
		_, err := access.Load("missing.yaml")
		Expect(err).To(MatchError(os.ErrNotExist))
	})
})
