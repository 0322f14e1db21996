package access_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// authority signs certificates for one spec.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pool        *x509.CertPool
}

func newAuthority() *authority {
	GinkgoHelper()
	a := &authority{pool: x509.NewCertPool()}
	issued := a.issue(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	var err error
	a.certificate, err = x509.ParseCertificate(issued.Certificate[0])
	Expect(err).NotTo(HaveOccurred())
	a.key = issued.PrivateKey.(*ecdsa.PrivateKey)
	a.pool.AddCert(a.certificate)
	return a
}

// issue completes and signs the template; an authority without a certificate
// signs its own.
func (a *authority) issue(template *x509.Certificate) tls.Certificate {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template.SerialNumber = big.NewInt(1)
	template.NotBefore = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	template.NotAfter = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	Expect(err).NotTo(HaveOccurred())
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

var _ = Describe("A client certificate", func() {
	// connected returns the server's end of a connection whose handshake is done.
	connected := func(ca *authority, client x509.Certificate) net.Conn {
		GinkgoHelper()
		client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		there, here := net.Pipe()
		DeferCleanup(func() { _, _ = there.Close(), here.Close() })
		go func() {
			defer GinkgoRecover()
			c := tls.Client(there, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{ca.issue(&client)}})
			if c.Handshake() == nil {
				_, _ = c.Read(make([]byte, 1))
			}
		}()
		s := tls.Server(here, &tls.Config{
			MinVersion:   tls.VersionTLS13,
			Certificates: []tls.Certificate{ca.issue(&x509.Certificate{DNSNames: []string{"server"}})},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    ca.pool,
		})
		Expect(s.Handshake()).To(Succeed())
		return s
	}
	const rules = `
web:    {certificates: [web.example.com], namespaces: [web]}
worker: {certificates: [worker.example.com], prefixes: [jobs/]}
cn:     {certificates: [Old Name], prefixes: [""]}
`

	It("gives its holder what the identity that lists its name may do", func() {
		p, err := load(rules).Greet(connected(newAuthority(), x509.Certificate{DNSNames: []string{"web.example.com"}}))
		Expect(err).NotTo(HaveOccurred())
		Expect(p).NotTo(BeNil())
		Expect(p.Allows(wire.Get, []byte("\x03webkey"))).To(BeTrue())
		Expect(p.Allows(wire.Get, []byte("jobs/1"))).To(BeFalse())
	})

	It("tells its holder when the identity has all its connections open", func() {
		list, ca := load("web: {certificates: [web.example.com], prefixes: [''], max_connections: 1}"), newAuthority()
		Expect(list.Greet(connected(ca, x509.Certificate{DNSNames: []string{"web.example.com"}}))).NotTo(BeNil())
		_, err := list.Greet(connected(ca, x509.Certificate{DNSNames: []string{"web.example.com"}}))
		Expect(err).To(MatchError(wire.Refusal{Status: wire.Busy, Message: "busy: web has reached its limit of connections (1)"}))
	})

	It("gives nothing when no identity, or more than one, lists a name of it", func() {
		list, ca := load(rules), newAuthority()
		Expect(list.Greet(connected(ca, x509.Certificate{DNSNames: []string{"else.example.com"}}))).To(BeNil())
		Expect(list.Greet(connected(ca, x509.Certificate{DNSNames: []string{"web.example.com", "worker.example.com"}}))).To(BeNil())
	})

	It("counts by its common name only where it has no other name", func() {
		list, ca := load(rules), newAuthority()
		old := pkix.Name{CommonName: "Old Name"}
		Expect(list.Greet(connected(ca, x509.Certificate{Subject: old}))).NotTo(BeNil())
		Expect(list.Greet(connected(ca, x509.Certificate{Subject: old, DNSNames: []string{"x"}}))).To(BeNil())
	})

	It("is needed: a connection without one has no identity", func() {
		here, _ := net.Pipe()
		Expect(load(rules).Greet(here)).To(BeNil())
	})
})
