package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem"

	"github.com/Zezezknight/cryptomem/cryptomem/server/certs"
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
		listeners, err := s.listening().open(ctx)
		Expect(err).NotTo(HaveOccurred())
		go func() { _ = s.server.Serve(listeners[0]) }() // ends with the server

		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(ca)
		dial := func() *cryptomem.Client {
			client, err := cryptomem.Dial(ctx, addr, cryptomem.WithSecret(bytes.Repeat([]byte{1}, 32)),
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
					key := strconv.Itoa(worker)
					Expect(open.Set(ctx, key, []byte(key), cryptomem.TTL(time.Minute))).To(Succeed())
					fresh := dial()
					Expect(fresh.Get(ctx, key)).To(Equal([]byte(key)))
					Expect(fresh.Close()).To(Succeed())
				}
			}()
		}
		for range 20 {
			renew()
			s.watched[0].reloadNow()
		}
		stop()
		Expect(<-done + <-done).To(BeNumerically(">", 0))
	}, SpecTimeout(3*time.Minute))
})

var _ = Describe("A certificate that clients refuse for its dates", func() {
	It("is taken, with a warning that has the dates, whoever asked for it", func() {
		dir, log := GinkgoT().TempDir(), new(bytes.Buffer)
		authority, err := certs.NewAuthority(validFor(1))
		Expect(err).NotTo(HaveOccurred())
		issue := func(from, until time.Time) {
			GinkgoHelper()
			cert, key, err := authority.Issue([]string{"localhost"}, certs.Span{From: from, Until: until})
			Expect(err).NotTo(HaveOccurred())
			Expect(os.WriteFile(filepath.Join(dir, "cert"), cert, 0o600)).To(Succeed())
			Expect(os.WriteFile(filepath.Join(dir, "key"), key, 0o600)).To(Succeed())
			log.Reset()
		}
		past := time.Date(2000, 1, 2, 3, 4, 5, 0, time.UTC)
		future := past.AddDate(200, 0, 0)
		issue(past, future)
		c := &console{out: log, err: log, env: func(string) (string, bool) { return "", false }}
		s, err := newService(c, []string{"--addr", "unix:" + filepath.Join(dir, "s"), "--tls-cert", dir + "/cert", "--tls-key", dir + "/key"})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(s.server.Close)

		issue(past, past.AddDate(1, 0, 0))
		s.reload()
		Expect(log.String()).To(ContainSubstring(`level=WARN msg="the certificate has expired: clients refuse it"`))
		Expect(log.String()).To(ContainSubstring("valid_from=2000-01-02T03:04:05Z valid_until=2001-01-02T03:04:05Z"))

		issue(future, future.AddDate(1, 0, 0))
		s.watched[0].check()
		s.watched[0].check()
		Expect(log.String()).To(ContainSubstring(`level=WARN msg="the certificate is not valid yet: clients refuse it"`))

		issue(past, future)
		s.reload()
		Expect(log.String()).NotTo(ContainSubstring("clients refuse it"))
		Expect(log.String()).To(ContainSubstring("reload: done"))
	})

	It("is taken by a proxy, too, with that warning", func() {
		dir, log := GinkgoT().TempDir(), new(bytes.Buffer)
		authority, err := certs.NewAuthority(validFor(1))
		Expect(err).NotTo(HaveOccurred())
		from := time.Date(2000, 1, 2, 3, 4, 5, 0, time.UTC)
		cert, key, err := authority.Issue([]string{"localhost"}, certs.Span{From: from, Until: from.AddDate(1, 0, 0)})
		Expect(err).NotTo(HaveOccurred())
		for name, content := range map[string][]byte{"cert": cert, "key": key, "password": []byte("a password of these specs\n")} {
			Expect(os.WriteFile(filepath.Join(dir, name), content, 0o600)).To(Succeed())
		}
		c := &console{out: log, err: log, env: func(string) (string, bool) { return "", false }}
		Expect(keygen(context.Background(), c, []string{"--output", dir + "/key.json"})).To(Succeed())
		args := []string{"--addr", "unix:" + filepath.Join(dir, "s"), "--key-file", dir + "/key.json", "--password-file", dir + "/password", "--tls-cert", dir + "/cert", "--tls-key", dir + "/key"}
		cfg, err := loadProxyConfig(c, pflag.NewFlagSet("proxy", pflag.ContinueOnError), args)
		Expect(err).NotTo(HaveOccurred())
		s, err := newProxyService(c, cfg, args)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(s.end)
		Expect(log.String()).To(ContainSubstring(`level=WARN msg="the certificate has expired: clients refuse it"`))
	})
})
