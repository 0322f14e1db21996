// Package certs keeps a TLS server's certificates up to date while it runs.
//
// A [Source] holds what was last read from the files. Reload replaces it for
// handshakes to come; connections that are open keep what they began with, so
// that renewing a certificate disturbs no client. Files that do not fit together
// replace nothing.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync/atomic"

	"github.com/Zezezknight/cryptomem/sealing/safefile"
)

// MaxFileSize is the size in bytes up to which a server's files are read: room
// for the authorities of all the world.
const MaxFileSize = 1 << 20

// Files names what a Source reads, all of it PEM.
type Files struct {
	// The certificate, followed by those that link it to its authority.
	Cert string
	// Key is the file of its private key.
	Key string
	// Authorities of client certificates; empty asks for none.
	ClientCA string
	// Whether a client may come without a certificate.
	Optional bool
}

// A Source is a server's certificate and the client authorities it trusts. It
// is safe for concurrent use.
type Source struct {
	files   Files
	current atomic.Pointer[tls.Config]
}

// Load reads the files for the first time.
func Load(files Files) (*Source, error) {
	s := &Source{files: files}
	return s, s.Reload()
}

// Reload reads the files again. On an error the Source stays as it was.
func (s *Source) Reload() error {
	cert, err := readPair(s.files.Cert, s.files.Key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", s.files.Cert, s.files.Key, err)
	}
	next := &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{cert},
		// A resumed session would carry on with an authority that is no longer
		// trusted; connections here live long, so that resuming saves little.
		SessionTicketsDisabled: true,
		// An answer takes as few records, and writes, as it can.
		DynamicRecordSizingDisabled: true,
	}
	if s.files.ClientCA != "" {
		if next.ClientCAs, err = ReadAuthorities(s.files.ClientCA); err != nil {
			return err
		}
		next.ClientAuth = tls.RequireAndVerifyClientCert
		if s.files.Optional {
			next.ClientAuth = tls.VerifyClientCertIfGiven
		}
	}
	s.current.Store(next)
	return nil
}

func readPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := safefile.Read(certFile, MaxFileSize)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := safefile.Read(keyFile, MaxFileSize)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

// ReadAuthorities reads a PEM file of authorities: whose client certificates a
// server accepts, or whose server certificates a client does.
func ReadAuthorities(file string) (*x509.CertPool, error) {
	pem, err := safefile.Read(file, MaxFileSize)
	if err != nil {
		return nil, fmt.Errorf("authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("authorities: %s holds no certificate in PEM form", file)
	}
	return pool, nil
}

// Config returns a configuration that always serves the current state: TLS 1.3
// and nothing older.
func (s *Source) Config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.current.Load(), nil },
	}
}

// Valid is when the server's certificate can be used.
func (s *Source) Valid() Span {
	leaf := s.current.Load().Certificates[0].Leaf
	return Span{From: leaf.NotBefore, Until: leaf.NotAfter}
}
