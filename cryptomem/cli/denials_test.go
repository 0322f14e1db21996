package cli

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
)

var _ = Describe("Failed authentication", func() {
	var (
		log *bytes.Buffer
		clk *clock.Mock
		d   *denials
	)
	BeforeEach(func() {
		log, clk = new(bytes.Buffer), clock.NewMock()
		d = newDenials(slog.New(slog.NewTextHandler(log, nil)), clk)
	})
	fail := func(times int) {
		for range times {
			d.add(denial{"web", "192.0.2.1:5", access.ErrWrongToken})
		}
	}
	lines := func() []string { return strings.Split(strings.TrimSpace(log.String()), "\n") }

	It("is logged with who, from where and why", func() {
		fail(1)
		Expect(log.String()).To(HaveSuffix(`level=WARN msg="authentication failed" identity=web from=192.0.2.1:5 error="wrong token" times=1` + "\n"))
	})

	It("fills no disk, and yet every one is accounted for", func() {
		fail(1000)
		Expect(lines()).To(HaveLen(denialBurst))
		clk.Add(denialInterval)
		fail(1)
		Expect(lines()).To(HaveLen(denialBurst + 1))
		Expect(lines()[denialBurst]).To(HaveSuffix("times=991"))
		fail(5)
		Expect(lines()).To(HaveLen(denialBurst + 1))
	})

	It("is not left unsaid when no other one follows", func() {
		fail(denialBurst + 3)
		d.flush()
		Expect(lines()).To(HaveLen(denialBurst))
		clk.Add(denialInterval)
		d.flush()
		Expect(lines()[denialBurst]).To(HaveSuffix("times=3"))
		d.flush()
		Expect(lines()).To(HaveLen(denialBurst + 1))
	})

	It("is logged one by one again after a quiet time", func() {
		fail(1000)
		clk.Add(100 * denialInterval)
		log.Reset()
		fail(denialBurst)
		Expect(lines()).To(HaveLen(denialBurst))
		Expect(lines()[1]).To(HaveSuffix("times=1"))
	})

	It("is also logged for clients with a certificate whose identity has too many connections", func() {
		file := filepath.Join(GinkgoT().TempDir(), "identities.yaml")
		Expect(os.WriteFile(file, []byte("web: {certificates: [web.example.com], prefixes: [''], max_connections: 1}"), 0o600)).To(Succeed())
		list, err := access.Load(file)
		Expect(err).NotTo(HaveOccurred())
		conn, other := net.Pipe()
		DeferCleanup(func() { _, _ = conn.Close(), other.Close() })
		known := verified{conn, &x509.Certificate{DNSNames: []string{"web.example.com"}}}
		a := loggedAccess{list, d}
		Expect(a.Greet(known)).NotTo(BeNil())
		Expect(log.String()).To(BeEmpty())
		_, err = a.Greet(known)
		Expect(err).To(MatchError(access.ErrTooManyConnections))
		Expect(log.String()).To(HaveSuffix(`identity=web from=pipe error="the identity has all its connections open (1)" times=1` + "\n"))
		Expect(a.Greet(conn)).To(BeNil())
		Expect(lines()).To(HaveLen(1), "an unknown one may yet authenticate")
	})
})

// verified is a connection whose client has shown a certificate.
type verified struct {
	net.Conn
	certificate *x509.Certificate
}

func (v verified) ConnectionState() tls.ConnectionState {
	return tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{v.certificate}}}
}
