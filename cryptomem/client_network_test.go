package cryptomem_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

var _ = Describe("Client over the network", func() {
	ctx := context.Background()

	connect := func(addr string, opts ...cryptomem.Option) *cryptomem.Client {
		GinkgoHelper()
		c, err := cryptomem.Dial(ctx, addr, append(opts, cryptomem.WithSecret([]byte(secret)))...)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		return c
	}

	serve := func(l net.Listener) {
		s := newServer(server.Config{})
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		DeferCleanup(func() {
			Expect(s.Close()).To(Succeed())
			Expect(<-served).To(MatchError(server.ErrServerClosed))
		})
	}

	It("works in its simplest form", func() {
		addr := listen(newServer(server.Config{}))
		c := cryptomem.New(addr, 60*time.Second, "your-32-byte-very-secret-key-!!!")
		DeferCleanup(c.Close)
		Expect(c.Set("user_session", "active_data_payload")).To(Succeed())
		value, err := c.Get("user_session")
		Expect(err).NotTo(HaveOccurred())
		Expect(string(value)).To(Equal("active_data_payload"))
		Expect(c.Delete("user_session")).To(Succeed())
		Expect(c.Client().Get(context.Background(), "user_session")).Error().To(MatchError(cryptomem.ErrNotFound))
	})

	It("speaks over a Unix socket", func() {
		path := filepath.Join(GinkgoT().TempDir(), "s")
		l, err := net.Listen("unix", path)
		Expect(err).NotTo(HaveOccurred())
		serve(l)
		for _, addr := range []string{"unix:" + path, "unix://" + path} {
			c := connect(addr)
			Expect(c.Set(context.Background(), "k", []byte("v"))).To(Succeed())
			Expect(c.Get(context.Background(), "k")).To(Equal([]byte("v")))
		}
	})

	It("speaks TLS to a server whose certificate it trusts, and to no other", func() {
		// httptest has a certificate for 127.0.0.1 and example.com at hand.
		site := httptest.NewUnstartedServer(nil)
		site.StartTLS()
		certificates, root := site.TLS.Certificates, site.Certificate()
		site.Close()
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS13})
		Expect(err).NotTo(HaveOccurred())
		serve(l)
		roots := x509.NewCertPool()
		roots.AddCert(root)

		c := connect(l.Addr().String(), cryptomem.WithTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}))
		Expect(c.Set(context.Background(), "k", []byte("v"))).To(Succeed())
		Expect(c.Get(context.Background(), "k")).To(Equal([]byte("v")))

		for _, config := range []*tls.Config{
			{MinVersion: tls.VersionTLS13},
			{RootCAs: roots, ServerName: "elsewhere.example", MinVersion: tls.VersionTLS13},
		} {
			_, err := cryptomem.Dial(ctx, l.Addr().String(), cryptomem.WithSecret([]byte(secret)), cryptomem.WithTLS(config))
			var distrust *tls.CertificateVerificationError
			Expect(errors.As(err, &distrust)).To(BeTrue(), "%v", err)
		}
	})

	It("says which address it could not reach", func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		addr := l.Addr().String()
		Expect(l.Close()).To(Succeed())
		c := cryptomem.New(addr, 0, secret).Client()
		DeferCleanup(c.Close)
		Expect(c.Set(context.Background(), "k", []byte("v"))).To(MatchError("connect to " + addr + ": connect: connection refused"))
	})

	It("comes back to a server that was restarted on the same port", func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		first := newServer(server.Config{})
		served := make(chan error, 1)
		go func() { served <- first.Serve(l) }()
		c := connect(l.Addr().String())
		Expect(c.Set(context.Background(), "k", []byte("v"))).To(Succeed())
		Expect(first.Close()).To(Succeed())
		Expect(<-served).To(MatchError(server.ErrServerClosed))
		again, err := net.Listen("tcp", l.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		serve(again)
		_, err = c.Get(context.Background(), "k")
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
		Expect(c.Set(context.Background(), "k", []byte("v"))).To(Succeed())
	})

	It("carries values far larger than the socket's buffers in both directions at once", func() {
		c := connect(listen(newServer(server.Config{})), cryptomem.WithInFlight(100, 4<<20))
		large := make([]byte, 900_000)
		ended := make(chan error, 4)
		for g := range cap(ended) {
			go func() {
				k := fmt.Append(nil, g)
				for range 2 {
					if err := c.Set(ctx, string(k), large); err != nil {
						ended <- err
						return
					}
					if v, err := c.Get(ctx, string(k)); err != nil || len(v) != len(large) {
						ended <- fmt.Errorf("%d bytes, %w", len(v), err)
						return
					}
				}
				ended <- nil
			}()
		}
		for range cap(ended) {
			Expect(<-ended).NotTo(HaveOccurred())
		}
	})
})

func benchmarkClient(b *testing.B, call func(c *cryptomem.Client, dst []byte) ([]byte, error)) {
	srv, err := server.New(server.Config{MaxMemory: 64 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer srv.Close() //nolint:errcheck // the benchmark is over
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go srv.Serve(l) //nolint:errcheck // ends with the server
	c := cryptomem.New(l.Addr().String(), time.Minute, secret).Client()
	defer c.Close() //nolint:errcheck // always nil
	if err := c.Set(context.Background(), "key", make([]byte, 64)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism(128)
	b.RunParallel(func(pb *testing.PB) {
		var dst []byte
		var err error
		for pb.Next() {
			if dst, err = call(c, dst[:0]); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkClientGetAppend(b *testing.B) {
	ctx, key := context.Background(), "key"
	benchmarkClient(b, func(c *cryptomem.Client, dst []byte) ([]byte, error) { return c.GetAppend(ctx, dst, key) })
}

func BenchmarkClientSet(b *testing.B) {
	ctx, key, value := context.Background(), "key", make([]byte, 64)
	benchmarkClient(b, func(c *cryptomem.Client, dst []byte) ([]byte, error) {
		return dst, c.Set(ctx, key, value, cryptomem.TTL(time.Hour))
	})
}

// BenchmarkClientIncrement is what it costs when 500 goroutines and more count under
// one key.
func BenchmarkClientIncrement(b *testing.B) {
	ctx, key := context.Background(), "count"
	b.SetParallelism(500)
	benchmarkClient(b, func(c *cryptomem.Client, dst []byte) ([]byte, error) {
		_, err := c.Increment(ctx, key, 1)
		return dst, err
	})
}
