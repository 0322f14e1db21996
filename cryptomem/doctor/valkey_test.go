package doctor_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/doctor"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
)

var _ = Describe("A client of a Valkey or Redis", func() {
	const secret = "your-32-byte-very-secret-key-!!!"
	start := func(args ...string) *valkeytest.Server {
		GinkgoHelper()
		return valkeytest.Start(GinkgoTB(), append([]string{"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lfu"}, args...)...)
	}
	examine := func(addr string, change ...func(*doctor.Client)) []doctor.Finding {
		c := doctor.Client{Addr: addr, Clock: clock.New(), Timeout: time.Minute, Secret: secret}
		for _, f := range change {
			f(&c)
		}
		return doctor.ExamineClient(context.Background(), c)
	}
	// wrong are the findings that are not fine.
	wrong := func(findings []doctor.Finding) (bad []doctor.Finding) {
		for _, f := range findings {
			if f.Severity != doctor.Fine {
				bad = append(bad, f)
			}
		}
		return bad
	}
	oneOf := func(findings []doctor.Finding, severity doctor.Severity, subject, text string) {
		GinkgoHelper()
		Expect(wrong(findings)).To(HaveLen(1))
		f := wrong(findings)[0]
		Expect(f.Severity).To(Equal(severity))
		Expect(f.Subject).To(Equal(subject))
		Expect(f.Text).To(ContainSubstring(text))
		Expect(f.Advice).NotTo(BeEmpty())
		Expect(f.Text + f.Advice).NotTo(ContainSubstring("hidden-word"))
	}

	It("that is well has nothing wrong, and writes if it is told to", func() {
		server := start()
		findings := examine("valkey://"+server.Addr, func(c *doctor.Client) { c.Write = true })
		Expect(wrong(findings)).To(BeEmpty())
		subjects := make(map[string]int)
		for _, f := range findings {
			subjects[f.Subject]++
		}
		Expect(subjects).To(Equal(map[string]int{
			"on the way": 1, "sealing key": 1, "server": 1, "maxmemory-policy": 1, "tracking-table-max-keys": 1, "clock": 1, "rights": 2,
		}))
		Expect(server.Must("DBSIZE").AsInt64()).To(BeZero())
	})

	It("is told what happens when memory is short", func() {
		server := start()
		for policy, text := range map[string]string{"noeviction": "storing fails with ErrFull", "volatile-lru": "evicts only what has a TTL"} {
			server.Must("CONFIG", "SET", "maxmemory-policy", policy)
			oneOf(examine("valkey://"+server.Addr), doctor.Warning, "maxmemory-policy", text)
		}
		server.Must("CONFIG", "SET", "maxmemory", "0")
		oneOf(examine("valkey://"+server.Addr), doctor.Warning, "maxmemory-policy", "has no maxmemory")
	})

	It("is told each right that it lacks, by itself", func() {
		server := start()
		for name, severity := range map[string]doctor.Severity{
			"ping": doctor.Problem, "get": doctor.Problem, "set": doctor.Problem, "del": doctor.Problem,
			"getdel": doctor.Warning, "evalsha": doctor.Warning, "eval": doctor.Warning, "getrange": doctor.Warning,
			"exists": doctor.Warning, "time": doctor.Warning, "scan": doctor.Warning, "unlink": doctor.Warning,
		} {
			server.Must("ACL", "SETUSER", "app", "reset", "on", ">hidden-word", "~*", "+@all", "-"+name)
			findings := examine("valkey://app:hidden-word@" + server.Addr)
			if name == "time" { // without which the clock is not known either
				Expect(wrong(findings)).To(ContainElement(And(HaveField("Subject", "clock"), HaveField("Severity", doctor.Unknown))))
				Expect(wrong(findings)).To(HaveLen(2))
				continue
			}
			oneOf(findings, severity, "rights", "lacks +"+name+":")
		}
	})

	It("is told that it lacks a right which only some need, and that nothing is wrong", func() {
		server := start()
		server.Must("ACL", "SETUSER", "app", "on", ">hidden-word", "~*", "+@all", "-client|tracking")
		findings := examine("valkey://app:hidden-word@" + server.Addr)
		Expect(wrong(findings)).To(BeEmpty())
		Expect(findings).To(ContainElement(And(HaveField("Subject", "rights"), HaveField("Text", "the user lacks +client|tracking: a near cache, if one is wanted, fails"))))
	})

	It("is told which keys it may not touch", func() {
		server := start()
		server.Must("ACL", "SETUSER", "app", "on", ">hidden-word", "~other:*", "+@all")
		oneOf(examine("valkey://app:hidden-word@"+server.Addr), doctor.Problem, "rights", "may not touch keys")
	})

	It("is told that its password is wrong, or missing", func() {
		server := start("--requirepass", "right")
		oneOf(examine("valkey://:hidden-word@"+server.Addr), doctor.Problem, "user", "WRONGPASS")
		oneOf(examine("valkey://"+server.Addr), doctor.Problem, "user", "NOAUTH")
	})

	It("is told that its server is a replica", func() {
		primary, replica := start(), start()
		host, port, err := net.SplitHostPort(primary.Addr)
		Expect(err).NotTo(HaveOccurred())
		replica.Must("REPLICAOF", host, port)
		Eventually(func() string { return replica.Text("INFO", "replication") }).Should(ContainSubstring("master_link_status:up"))
		findings := examine("valkey://" + replica.Addr)
		oneOf(findings, doctor.Problem, "server", "is a replica")
	})

	It("is told that near caches hold more names than the server can remember", func() {
		server := start()
		server.Must("CONFIG", "SET", "tracking-table-max-keys", "10")
		reader := valkeytest.Client(GinkgoTB(), server.Addr)
		for i := range 10 {
			get := reader.B().Get().Key(strings.Repeat("k", i+1)).Cache()
			_ = reader.DoCache(context.Background(), get, time.Minute)
		}
		oneOf(examine("valkey://"+server.Addr), doctor.Warning, "tracking-table-max-keys", "beyond 10")
	})

	It("is told of a cluster that does not serve all slots, and of one that it may not see", func() {
		cluster := valkeytest.StartCluster(GinkgoTB(), 3, false, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lfu")
		Expect(wrong(examine(cluster.URL()))).To(BeEmpty())
		for _, n := range cluster.Nodes {
			n.Must("ACL", "SETUSER", "app", "on", ">hidden-word", "~*", "+@all", "-cluster|slots", "-cluster|shards")
		}
		addr := cluster.Nodes[0].Addr
		Expect(wrong(examine("valkey://app:hidden-word@" + addr))).To(ContainElement(And(
			HaveField("Subject", "cluster"), HaveField("Severity", doctor.Problem), HaveField("Advice", ContainSubstring("+cluster|slots")),
		)))
		for _, n := range cluster.Nodes {
			n.Must("ACL", "SETUSER", "app", "reset", "on", ">hidden-word", "~*", "+@all", "-asking")
		}
		oneOf(examine(strings.Replace(cluster.URL(), "://", "://app:hidden-word@", 1)), doctor.Problem, "rights", "lacks +asking:")
		cluster.Nodes[2].Kill()
		Eventually(func() string { return cluster.Nodes[0].Text("CLUSTER", "INFO") }).Should(ContainSubstring("cluster_state:fail"))
		Expect(wrong(examine(cluster.URL()))).To(ContainElement(And(HaveField("Subject", "cluster"), HaveField("Severity", doctor.Problem))))
	})

	It("is told what is wrong with the address, or which server does not answer", func() {
		oneOf(examine("http://localhost"), doctor.Problem, "address", "scheme")
		server := start()
		server.Kill()
		oneOf(examine("valkey://app:hidden-word@"+server.Addr), doctor.Problem, "server", "connection refused")
		own := healthyClient()
		own.plain()
		oneOf(examine("valkey://"+own.Addr), doctor.Problem, "server", "answers like a cryptomem server, not like a Redis")
		own.pretend(answering("HTTP/1.1 400 Bad Request\r\n\r\n"))
		oneOf(examine("valkey://"+own.Addr), doctor.Problem, "server", "answers like an HTTP server, not like a Redis")
		plain := start()
		soon := func(c *doctor.Client) { c.Timeout = time.Second } // no handshake is answered
		oneOf(examine("valkeys://"+plain.Addr, soon), doctor.Problem, "server", "TLS")
		oneOf(examine("valkey://"+plain.Addr, func(c *doctor.Client) { c.Identity = "app" }), doctor.Problem, "user", "identity")
	})

	It("is told that the way is open, and that the clocks differ", func() {
		server := start()
		ahead := clock.NewMock()
		ahead.Set(time.Unix(2e9, 0))
		findings := examine("valkey://"+server.Addr, func(c *doctor.Client) { c.Clock = ahead })
		Expect(wrong(findings)).To(ContainElement(And(HaveField("Subject", "clock"), HaveField("Severity", doctor.Problem))))
		file := filepath.Join(GinkgoT().TempDir(), "nothing")
		Expect(os.WriteFile(file, nil, 0o600)).To(Succeed())
		findings = examine("valkey://192.0.2.1", func(c *doctor.Client) { c.Timeout = time.Second; c.KeyFile = file })
		Expect(wrong(findings)).To(ContainElement(And(HaveField("Subject", "on the way"), HaveField("Severity", doctor.Warning))))
	})
})
