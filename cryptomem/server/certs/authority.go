package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// An Authority signs certificates for servers and clients. It is meant for
// trials, specs and small installations: it keeps no record of what it signed
// and cannot take a signature back.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Span is how long a certificate is valid.
type Span struct{ From, Until time.Time }

// NewAuthority draws a key and signs the authority's own certificate.
func NewAuthority(valid Span) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := newTemplate(valid)
	template.Subject = pkix.Name{CommonName: "cryptomem authority"}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.MaxPathLenZero = true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &Authority{cert, key}, err
}

// LoadAuthority returns the authority that PEM wrote.
func LoadAuthority(certPEM, keyPEM []byte) (*Authority, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, errors.New("not an authority with an ECDSA key")
	}
	return &Authority{pair.Leaf, key}, nil
}

// PEM returns the authority's certificate and its private key.
func (a *Authority) PEM() (cert, key []byte, err error) { return encode(a.cert.Raw, a.key) }

// Issue signs a certificate, for server and client alike, that vouches for the
// names: DNS names, IP addresses, or URIs. It returns the certificate and its
// private key as PEM.
func (a *Authority) Issue(names []string, valid Span) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := newTemplate(valid)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, name := range names {
		if err := addName(template, name); err != nil {
			return nil, nil, err
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, private.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	return encode(der, private)
}

// Renew signs a certificate that this authority has issued once more, for the same
// names and the same private key, so that the key's file stays as it is.
func (a *Authority) Renew(certPEM []byte, valid Span) ([]byte, error) {
	block, _ := pem.Decode(certPEM)
	if block == nil {
		return nil, errors.New("no certificate in PEM form")
	}
	old, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	if old.IsCA {
		return nil, errors.New("it is an authority; what it has signed would not be trusted any more")
	}
	if err := old.CheckSignatureFrom(a.cert); err != nil {
		return nil, fmt.Errorf("another authority has issued it: %w", err)
	}
	template := newTemplate(valid)
	template.Subject, template.KeyUsage, template.ExtKeyUsage = old.Subject, old.KeyUsage, old.ExtKeyUsage
	template.DNSNames, template.IPAddresses, template.URIs = old.DNSNames, old.IPAddresses, old.URIs
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, old.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

func newTemplate(valid Span) *x509.Certificate {
	// never fails
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	return &x509.Certificate{SerialNumber: serial, NotBefore: valid.From, NotAfter: valid.Until}
}

func addName(template *x509.Certificate, name string) error {
	if ip, err := netip.ParseAddr(name); err == nil {
		template.IPAddresses = append(template.IPAddresses, ip.AsSlice())
		return nil
	}
	if strings.Contains(name, "://") {
		u, err := url.Parse(name)
		if err != nil {
			return fmt.Errorf("name for a certificate: %w", err)
		}
		template.URIs = append(template.URIs, u)
		return nil
	}
	if name == "" || strings.ContainsAny(name, " /\\:") {
		return fmt.Errorf("%q cannot be a name in a certificate; use a DNS name, an IP address or a URI", name)
	}
	template.DNSNames = append(template.DNSNames, name)
	return nil
}

func encode(der []byte, private *ecdsa.PrivateKey) (cert, key []byte, err error) {
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}
