package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/certs"
)

var _ = Describe("A certificate that is renewed under load", func() {
	It("costs no client one request, on open connections and on new ones", func(ctx SpecContext) {
		dir := GinkgoT().TempDir()
		authority, err := certs.NewAuthority(validFor(1))
		Expect(err).NotTo(HaveOccurred())
		ca, _, err := authority.PEM()
		Expect(err).NotTo(HaveOccurred())
		renew := func() {
			GinkgoHelper()
			cert, key, err := authority.Issue([]string{"localhost"}, validFor(1))
			Expect(err).NotTo(HaveOccurred())
			Expect(os.WriteFile(filepath.Join(dir, "cert"), cert, 0o600)).To(Succeed())
			Expect(os.WriteFile(filepath.Join(dir, "key"), key, 0o600)).To(Succeed())
		}
		renew()
		addr := "unix:" + filepath.Join(dir, "s")
		c := &console{out: GinkgoWriter, err: GinkgoWriter, env: func(string) (string, bool) { return "", false }}
		s, err := newService(c, []string{"--addr", addr, "--tls-cert", dir + "/cert", "--tls-key", dir + "/key"})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(s.server.Close)
		listeners, err := s.listen(ctx)
		Expect(err).NotTo(HaveOccurred())
		go func() { _ = s.server.Serve(listeners[0]) }() // ends with the server

		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(ca)
		dial := func() *cryptomem.Client {
			client, err := cryptomem.Dial(ctx, addr, cryptomem.WithSecret(make([]byte, 32)),
				cryptomem.WithTLS(&tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS13}))
			Expect(err).NotTo(HaveOccurred())
			return client
		}
		working, stop := context.WithCancel(ctx)
		done := make(chan int)
		for worker := range 2 {
			go func() {
				defer GinkgoRecover()
				requests := 0
				defer func() { done <- requests }()
				open := dial()
				defer open.Close() //nolint:errcheck // its requests have been answered
				for ; working.Err() == nil; requests++ {
					key := []byte(strconv.Itoa(worker))
					Expect(open.SetContext(ctx, key, key, cryptomem.TTL(time.Minute))).To(Succeed())
					fresh := dial()
					Expect(fresh.GetContext(ctx, key)).To(Equal(key))
					Expect(fresh.Close()).To(Succeed())
				}
			}()
		}
		for range 20 {
			renew()
			s.followed[0].again()
		}
		stop()
		Expect(<-done + <-done).To(BeNumerically(">", 0))
	}, SpecTimeout(time.Minute))
})
