package sim

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"sync"
	"time"
)

// Links over TLS come to the same run every time, although their bytes do not: what is
// drawn at random has one length, with the key and the certificate below. So a chunk is
// cut where it is always cut, and takes as long; and nothing on such links flips bits, lies,
// or looks into what they carry.

// certificateName is the server's in its certificate.
const certificateName = "sim"

// certificate is made once: of a fixed key, whose signatures have one length.
var certificate = sync.OnceValue(func() tls.Certificate {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{certificateName},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		panic("sim: " + err.Error())
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic("sim: " + err.Error())
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
})

// certified is the configuration of a server with that certificate.
func certified() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{certificate()}, MinVersion: tls.VersionTLS13,
		// the one that costs least
		CurvePreferences: []tls.CurveID{tls.X25519},
	}
}

// trusting is the configuration of users who know that certificate.
func trusting() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(certificate().Leaf)
	return &tls.Config{
		RootCAs: roots, ServerName: certificateName, MinVersion: tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{tls.X25519},
	}
}
