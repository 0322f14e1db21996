package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/certs"
)

var (
	valid = certs.Span{
		From:  time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		Until: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	past = certs.Span{From: valid.From, Until: valid.From.AddDate(1, 0, 0)}
)

var _ = Describe("A server's certificates", func() {
	var (
		ca    *certs.Authority
		dir   string
		files certs.Files
	)
	write := func(name string, text []byte) string {
		GinkgoHelper()
		file := filepath.Join(dir, name)
		Expect(os.WriteFile(file, text, 0o600)).To(Succeed())
		return file
	}
	issue := func(name string, span certs.Span) {
		GinkgoHelper()
		cert, key, err := ca.Issue([]string{name}, span)
		Expect(err).NotTo(HaveOccurred())
		files.Cert, files.Key = write("server.pem", cert), write("server.key", key)
	}
	client := func(of *certs.Authority, span certs.Span) tls.Certificate {
		GinkgoHelper()
		cert, key, err := of.Issue([]string{"client"}, span)
		Expect(err).NotTo(HaveOccurred())
		pair, err := tls.X509KeyPair(cert, key)
		Expect(err).NotTo(HaveOccurred())
		return pair
	}
	newAuthority := func() *certs.Authority {
		GinkgoHelper()
		a, err := certs.NewAuthority(valid)
		Expect(err).NotTo(HaveOccurred())
		return a
	}
	load := func() *certs.Source {
		GinkgoHelper()
		s, err := certs.Load(files)
		Expect(err).NotTo(HaveOccurred())
		return s
	}
	// shake returns the errors of both ends of a handshake. With TLS 1.3 a client
	// learns that its certificate was refused only from what it reads.
	shake := func(s *certs.Source, c *tls.Config) (server, client error) {
		here, there := net.Pipe()
		pool := x509.NewCertPool()
		cert, _, err := ca.PEM()
		Expect(err).NotTo(HaveOccurred())
		pool.AppendCertsFromPEM(cert)
		c.RootCAs = pool
		done := make(chan error, 1)
		go func() {
			conn := tls.Server(here, s.Config())
			err := conn.Handshake()
			if err == nil {
				_, err = conn.Write([]byte("!"))
			}
			done <- err
			_ = here.Close()
		}()
		conn := tls.Client(there, c)
		client = conn.Handshake()
		if client == nil {
			_, client = conn.Read(make([]byte, 1))
		}
		_ = there.Close()
		return <-done, client
	}

	BeforeEach(func() {
		dir, ca, files = GinkgoT().TempDir(), newAuthority(), certs.Files{}
		issue("one.example.com", valid)
	})

	It("are shown to clients of TLS 1.3", func() {
		server, client := shake(load(), &tls.Config{ServerName: "one.example.com"})
		Expect(server).NotTo(HaveOccurred())
		Expect(client).NotTo(HaveOccurred())
	})

	It("are not shown to clients of older TLS versions", func() {
		server, client := shake(load(), &tls.Config{ServerName: "one.example.com", MaxVersion: tls.VersionTLS12})
		Expect(server).To(MatchError(ContainSubstring("unsupported versions")))
		Expect(client).To(HaveOccurred())
	})

	It("are replaced for handshakes to come", func() {
		source := load()
		issue("two.example.com", valid)
		Expect(source.Reload()).To(Succeed())
		_, client := shake(source, &tls.Config{ServerName: "two.example.com"})
		Expect(client).NotTo(HaveOccurred())
		Expect(source.Valid()).To(Equal(valid))
	})

	It("stay as they were when a file is too large, or none at all", func() {
		before := files
		for _, file := range []*string{&files.Cert, &files.Key, &files.ClientCA} {
			files = before
			*file = write("large.pem", nil)
			Expect(os.Truncate(*file, certs.MaxFileSize+1)).To(Succeed())
			_, err := certs.Load(files)
			Expect(err).To(MatchError(ContainSubstring("large.pem is 1048577 bytes, limit 1048576")))
			*file = os.DevNull
			_, err = certs.Load(files)
			Expect(err).To(MatchError(ContainSubstring("not a regular file")))
		}
	})

	It("stay as they were when the new ones do not fit together", func() {
		source := load()
		write("server.pem", []byte("not a certificate"))
		Expect(source.Reload()).To(MatchError(ContainSubstring("server.pem")))
		_, client := shake(source, &tls.Config{ServerName: "one.example.com"})
		Expect(client).NotTo(HaveOccurred())
	})

	Context("with authorities for clients", func() {
		BeforeEach(func() {
			cert, _, err := ca.PEM()
			Expect(err).NotTo(HaveOccurred())
			files.ClientCA = write("ca.pem", cert)
		})
		config := func(certificates ...tls.Certificate) *tls.Config {
			return &tls.Config{ServerName: "one.example.com", Certificates: certificates}
		}

		It("let in clients with a certificate of theirs", func() {
			server, client := shake(load(), config(client(ca, valid)))
			Expect(server).NotTo(HaveOccurred())
			Expect(client).NotTo(HaveOccurred())
		})

		It("refuse clients without a certificate, or with a foreign or expired one", func() {
			source := load()
			for _, c := range []*tls.Config{config(), config(client(newAuthority(), valid)), config(client(ca, past))} {
				server, client := shake(source, c)
				Expect(server).To(HaveOccurred())
				Expect(client).To(HaveOccurred())
			}
		})

		It("let in clients without a certificate if that is optional, but not clients with a wrong one", func() {
			files.Optional = true
			source := load()
			server, _ := shake(source, config())
			Expect(server).NotTo(HaveOccurred())
			server, _ = shake(source, config(client(ca, past)))
			Expect(server).To(HaveOccurred())
		})

		It("say which file holds no authority", func() {
			write("ca.pem", nil)
			_, err := certs.Load(files)
			Expect(err).To(MatchError(ContainSubstring("ca.pem")))
		})
	})
})

var _ = Describe("An authority", func() {
	It("goes on signing after it was written down", func() {
		a, err := certs.NewAuthority(valid)
		Expect(err).NotTo(HaveOccurred())
		cert, key, err := a.PEM()
		Expect(err).NotTo(HaveOccurred())
		again, err := certs.LoadAuthority(cert, key)
		Expect(err).NotTo(HaveOccurred())
		issued, issuedKey, err := again.Issue([]string{"a.example.com", "127.0.0.1", "spiffe://example/a"}, valid)
		Expect(err).NotTo(HaveOccurred())

		pair, err := tls.X509KeyPair(issued, issuedKey)
		Expect(err).NotTo(HaveOccurred())
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(cert)
		_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "a.example.com", CurrentTime: valid.From})
		Expect(err).NotTo(HaveOccurred())
		Expect(pair.Leaf.IPAddresses).To(HaveLen(1))
		Expect(pair.Leaf.URIs[0].String()).To(Equal("spiffe://example/a"))

		_, err = certs.LoadAuthority(issued, issuedKey)
		Expect(err).To(MatchError(ContainSubstring("not an authority")))
		_, _, err = a.Issue([]string{"no name"}, valid)
		Expect(err).To(MatchError(ContainSubstring(`"no name"`)))
	})
})

var _ = Describe("What a client trusts and shows", func() {
	It("is TLS 1.3 with its authorities and certificate, and no half of a certificate", func() {
		dir := GinkgoT().TempDir()
		file := func(name string, text []byte) string {
			name = filepath.Join(dir, name)
			Expect(os.WriteFile(name, text, 0o600)).To(Succeed())
			return name
		}
		authority, err := certs.NewAuthority(valid)
		Expect(err).NotTo(HaveOccurred())
		caPEM, _, err := authority.PEM()
		Expect(err).NotTo(HaveOccurred())
		certPEM, keyPEM, err := authority.Issue([]string{"web"}, valid)
		Expect(err).NotTo(HaveOccurred())
		ca, cert, key := file("ca.pem", caPEM), file("web.pem", certPEM), file("web.key", keyPEM)

		cfg, err := certs.ClientConfig(certs.ClientFiles{CA: ca, ServerName: "cache", Cert: cert, Key: key})
		Expect(err).NotTo(HaveOccurred())
		Expect(cfg.MinVersion).To(BeEquivalentTo(tls.VersionTLS13))
		Expect(cfg.ServerName).To(Equal("cache"))
		Expect(cfg.RootCAs).NotTo(BeNil())
		Expect(cfg.Certificates).To(HaveLen(1))

		cfg, err = certs.ClientConfig(certs.ClientFiles{})
		Expect(err).NotTo(HaveOccurred())
		Expect(cfg.RootCAs).To(BeNil(), "the system's")

		for _, wrong := range []struct {
			files certs.ClientFiles
			text  string
		}{
			{certs.ClientFiles{CA: key}, "holds no certificate in PEM form"},
			{certs.ClientFiles{CA: ca + ".old"}, "no such file"},
			{certs.ClientFiles{Cert: cert}, "only one of them is named"},
			{certs.ClientFiles{Key: key}, "only one of them is named"},
			{certs.ClientFiles{Cert: ca, Key: key}, "private key does not match"},
		} {
			_, err := certs.ClientConfig(wrong.files)
			Expect(err).To(MatchError(ContainSubstring(wrong.text)))
		}
	})
})
