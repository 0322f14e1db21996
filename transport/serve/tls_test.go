package serve_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// selfSigned returns the configuration of a TLS server with a certificate of its own.
func selfSigned() *tls.Config {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	Expect(err).NotTo(HaveOccurred())
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

var _ = Describe("a server over TLS", func() {
	It("whose sessions may block has nothing in flight for a client that waits, and part of a request for another", func() {
		s := serve.NewServer(serve.ServerConfig{NewHandler: func(net.Conn) session.Handler { return echo{} }, Blocking: true, Clock: clock.NewMock()})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		go func() { _ = s.Serve(tls.NewListener(l, selfSigned())) }()
		DeferCleanup(s.Close)
		c := tls.Client(dial(l.Addr().String()), &tls.Config{InsecureSkipVerify: true})
		inFlight := func() int64 { return s.Stats().InFlight }

		ping := frame(wire.Ping, 0, "", "hello")
		converse(c, ping, wire.AppendResponse(nil, wire.OK, []byte("hello")))
		Eventually(inFlight).Should(BeZero())
		_, err = c.Write(ping[:len(ping)-1])
		Expect(err).NotTo(HaveOccurred())
		Eventually(inFlight).Should(BeEquivalentTo(len(ping) - 1))
	})

	It("answers at its end what has arrived whole, too", func(ctx context.Context) {
		h := slowStats{begun: make(chan struct{}), answer: make(chan struct{})}
		s := serve.NewServer(serve.ServerConfig{NewHandler: func(net.Conn) session.Handler { return h }, Clock: clock.NewMock()})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		go func() { _ = s.Serve(tls.NewListener(l, selfSigned())) }()
		c := tls.Client(dial(l.Addr().String()), &tls.Config{InsecureSkipVerify: true})

		_, err = c.Write(frame(wire.Stats, 0, "", ""))
		Expect(err).NotTo(HaveOccurred())
		<-h.begun
		_, err = c.Write(frame(wire.Ping, 0, "", "arrived"))
		Expect(err).NotTo(HaveOccurred())
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(ctx) }()
		Eventually(func() error {
			other, err := net.Dial("tcp", l.Addr().String())
			if err == nil {
				_ = other.Close()
			}
			return err
		}).Should(HaveOccurred())
		_ = s.Stats() // waits until Shutdown has told every connection
		close(h.answer)
		Expect(io.ReadAll(c)).To(HaveSuffix("arrived"))
		Expect(c.Close()).To(Succeed())
		Expect(<-done).To(Succeed())
	})
})
