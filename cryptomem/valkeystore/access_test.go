package valkeystore_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server/certs"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// rightsIn returns the rights in the first line of docs/valkey.md that begins as
// told.
func rightsIn(begin string) []string {
	GinkgoHelper()
	text, err := os.ReadFile("../../docs/valkey.md")
	Expect(err).NotTo(HaveOccurred())
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), begin); ok {
			return strings.Fields(rest)
		}
	}
	Fail("docs/valkey.md has no line that begins with " + begin)
	return nil
}

// everything does all that a client asks a store for and returns what went wrong.
func everything(s *valkeystore.Store) error {
	c := caller{s}
	var version, fence uint64
	steps := []func() error{
		func() error { return c.set("name", "1", time.Minute) },
		func() (err error) { _, version, err = c.getv("name", false); return err },
		func() error { _, err := c.cas("name", "2", version, time.Minute, false); return err },
		func() error {
			_, err := c.cas("nobody", "2", version, 0, false)
			return unless(err, cryptomem.ErrNotFound)
		},
		func() (err error) { fence, err = c.add("lock", "me", time.Minute, true); return err },
		func() error { _, err := c.cas("lock", "me", fence, time.Minute, true); return err },
		func() error { return c.do(&cryptomem.Request{Command: wire.GetDel, Name: []byte("name")}) },
		func() error { return c.set("name", "1", 0) },
		func() error { return c.delete("name") },
		func() error {
			return s.SwapAll(within(testTimeout), []*cryptomem.Request{
				{Command: wire.Set, Name: []byte("{slot}1"), Value: seal("{slot}1", "1", time.Time{})},
				{Command: wire.GetV, Name: []byte("{slot}2")},
			})
		},
		func() error { return c.do(&cryptomem.Request{Command: wire.Ping, Value: []byte("ping")}) },
		func() error { _, err := c.flush("lo"); return err },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func unless(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

var _ = Describe("The rights in docs/valkey.md", func() {
	grant := func(s *valkeytest.Server, rights []string) {
		s.Must(append([]string{"ACL", "SETUSER", "app", "reset", "on", ">pass"}, rights...)...)
		s.Must("SCRIPT", "FLUSH")
	}
	try := func(s *valkeytest.Server) error {
		GinkgoHelper()
		return everything(openOnce("valkey://app:pass@"+s.Addr, valkeystore.WithPrefix("app:")))
	}

	It("are enough on one node, and none of them can be spared", func() {
		server := startServer()
		rights := rightsIn("ACL SETUSER app on >PASSWORD")
		Expect(rights[0]).To(Equal("~app:*"))
		Expect(rights[1]).To(Equal("-@all"))
		grant(server, rights)
		Expect(try(server)).To(Succeed())
		for _, right := range rights[2:] {
			grant(server, slices.DeleteFunc(slices.Clone(rights), func(r string) bool { return r == right }))
			Expect(try(server)).NotTo(Succeed(), "without %s", right)
		}
	})

	It("are enough for a near cache with one more, which cannot be spared", func() {
		server := startServer()
		rights := rightsIn("ACL SETUSER app on >PASSWORD")
		tried := func(rights []string) error {
			grant(server, rights)
			return everything(openOnce("valkey://app:pass@"+server.Addr, valkeystore.WithPrefix("app:"), valkeystore.WithNearCache(budget)))
		}
		Expect(tried(append(rights, rightsIn("With a near cache, also:")...))).To(Succeed())
		Expect(tried(rights)).To(MatchError(cryptomem.ErrDenied))
	})

	It("are enough in a cluster with two more, and neither can be spared", func() {
		cluster := valkeytest.StartCluster(GinkgoTB(), 2, false)
		rights, needed := append(rightsIn("ACL SETUSER app on >PASSWORD"), rightsIn("In a cluster, also:")...), []string{"+cluster|slots", "+asking"}
		for _, right := range since(8, rightsIn("In a cluster of version 8 or later, also:")...) {
			rights, needed = append(rights, right), append(needed, right)
		}
		each := func(rights []string) {
			for _, n := range cluster.Nodes {
				grant(n, rights)
			}
		}
		from, to := cluster.Nodes[0], cluster.Nodes[1]
		if cluster.Primary("app:name") != from {
			from, to = to, from
		}
		slot := cluster.Slot("app:name")
		to.Must("CLUSTER", "SETSLOT", slot, "IMPORTING", from.ID())
		from.Must("CLUSTER", "SETSLOT", slot, "MIGRATING", to.ID()) // new names are ASKed for over there
		each(rights)
		Expect(try(from)).To(Succeed())
		for _, right := range needed {
			Expect(rights).To(ContainElement(right))
			each(slices.DeleteFunc(slices.Clone(rights), func(r string) bool { return r == right }))
			Expect(try(from)).NotTo(Succeed(), "without %s", right)
		}
	})
})

var _ = Describe("A connection", func() {
	It("goes over a Unix socket", func() {
		socket := filepath.Join(GinkgoT().TempDir(), "s")
		startServer("--unixsocket", socket)
		Expect(everything(open("unix://" + socket + "?db=3"))).To(Succeed())
	})

	It("uses the database of its address", func() {
		server := startServer()
		c := caller{open("valkey://" + server.Addr + "/5")}
		Expect(c.set("name", "1", 0)).To(Succeed())
		Expect(server.Text("INFO", "keyspace")).To(ContainSubstring("db5:keys=1"))
	})

	It("speaks TLS, only to the server that the certificate is for", func() {
		dir := GinkgoT().TempDir()
		now := clock.New().Now()
		valid := certs.Span{From: now.Add(-time.Hour), Until: now.Add(time.Hour)}
		authority, err := certs.NewAuthority(valid)
		Expect(err).NotTo(HaveOccurred())
		ca, _, err := authority.PEM()
		Expect(err).NotTo(HaveOccurred())
		cert, key, err := authority.Issue([]string{"127.0.0.1"}, valid)
		Expect(err).NotTo(HaveOccurred())
		for name, text := range map[string][]byte{"ca.pem": ca, "cert.pem": cert, "key.pem": key} {
			Expect(os.WriteFile(filepath.Join(dir, name), text, 0o600)).To(Succeed())
		}
		_, port, err := net.SplitHostPort(valkeytest.FreeAddr(GinkgoTB()))
		Expect(err).NotTo(HaveOccurred())
		startServer("--tls-port", port, "--tls-auth-clients", "no", "--tls-ca-cert-file", filepath.Join(dir, "ca.pem"),
			"--tls-cert-file", filepath.Join(dir, "cert.pem"), "--tls-key-file", filepath.Join(dir, "key.pem"))
		roots := x509.NewCertPool()
		Expect(roots.AppendCertsFromPEM(ca)).To(BeTrue())
		trusting := valkeystore.WithTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
		patient, once := valkeystore.WithDialTimeout(testTimeout), valkeystore.WithBackoff(0, 0)
		Expect(everything(open("valkeys://127.0.0.1:"+port, trusting, patient))).To(Succeed())
		Expect(everything(open("valkeys://localhost:"+port, trusting, patient, once))).To(MatchError(ContainSubstring("certificate")))
		Expect(everything(open("valkeys://127.0.0.1:"+port, patient, once))).To(MatchError(ContainSubstring("unknown authority")))
	})
})

var _ = Describe("The tables of docs/valkey.md", func() {
	It("names specs that exist", func() {
		text, err := os.ReadFile("../../docs/valkey.md")
		Expect(err).NotTo(HaveOccurred())
		var specs strings.Builder
		files, err := filepath.Glob("*_test.go")
		Expect(err).NotTo(HaveOccurred())
		for _, file := range files {
			text, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			specs.Write(text)
		}
		var names [][]string
		for _, table := range strings.Split(string(text), "| proved by |")[1:] {
			table, _, _ = strings.Cut(table, "\n\n")
			names = append(names, regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(table, -1)...)
		}
		Expect(len(names)).To(BeNumerically(">", 20))
		for _, name := range names {
			Expect(specs.String()).To(ContainSubstring(`It("` + name[1] + `"`))
		}
	})
})
