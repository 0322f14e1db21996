package access

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"slices"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

type tokenHash = [sha256.Size]byte

// An identity is one entry of the file. It does not change.
type identity struct {
	name         string
	tokens       []tokenHash
	certificates []string
	// Namespaces are prefixes too: length byte, then name.
	prefixes [][]byte
	readOnly bool
	stats    bool
	noScan   bool
	// 0 = no limit.
	maxConnections int64
	// Bytes, 0 = no limit but the server's.
	maxValueSize int64
	// Bytes, 0 = no limit but the server's.
	maxMemory int64
}

// unknown takes the place of an identity that does not exist.
var unknown = &identity{tokens: []tokenHash{{}}}

// hasToken compares with every token, so that the time it takes says nothing
// about any of them.
func (id *identity) hasToken(sum *tokenHash) bool {
	found := 0
	for i := range id.tokens {
		found |= subtle.ConstantTimeCompare(id.tokens[i][:], sum[:])
	}
	return found == 1
}

func (id *identity) hasCertificate(names []string) bool {
	return slices.ContainsFunc(id.certificates, func(c string) bool { return slices.Contains(names, c) })
}

func (id *identity) allows(c wire.Command, key []byte) bool {
	switch {
	case c == wire.Ping:
		return true
	case c == wire.Stats:
		return id.stats
	case c == wire.Scan && id.noScan:
		return false
	case c.Has(wire.Reads) && !c.Has(wire.Writes):
		return id.owns(key)
	}
	// All others change something, or are not known to be harmless.
	return !id.readOnly && id.owns(key)
}

func (id *identity) owns(key []byte) bool {
	for _, prefix := range id.prefixes {
		if bytes.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// certificateNames are the names that a certificate authority has vouched for.
// The common name counts only where there is no other: it is free text.
func certificateNames(cert *x509.Certificate) []string {
	names := slices.Concat(cert.DNSNames, cert.EmailAddresses)
	for _, uri := range cert.URIs {
		names = append(names, uri.String())
	}
	if len(names) == 0 && len(cert.IPAddresses) == 0 && cert.Subject.CommonName != "" {
		names = append(names, cert.Subject.CommonName)
	}
	return names
}
