package sealing

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// BlindNameSize is the length of a blind name, in bytes. Two of 2^48 names collide
// with a probability of 2^-33; their values would still not be authentic for each
// other.
const BlindNameSize = 16

// wireNames turns a user's name into what the server sees as the key.
type wireNames struct {
	// The namespace's part of each name.
	prefix string
	// Pool of *nameMAC; nil if names are not blind.
	macs *sync.Pool
}

type nameMAC struct {
	hash.Hash
	sum [sha256.Size]byte
}

// newWireNames wipes the key.
func newWireNames(namespace string, key []byte) wireNames {
	w := wireNames{prefix: NamespacePrefix(namespace)}
	if key != nil {
		// Copies of one MAC, so that the key itself need not stay.
		keyed := hmac.New(sha256.New, key).(hash.Cloner)
		clear(key)
		w.macs = &sync.Pool{New: func() any {
			// of standard hashes: never fails
			c, _ := keyed.Clone()
			return &nameMAC{Hash: c}
		}}
	}
	return w
}

func (w wireNames) append(dst, name []byte) []byte {
	dst = append(dst, w.prefix...)
	if w.macs == nil {
		return append(dst, name...)
	}
	m := w.macs.Get().(*nameMAC)
	m.Reset()
	// a hash does not fail
	_, _ = m.Write(name)
	dst = append(dst, m.Sum(m.sum[:0])[:BlindNameSize]...)
	w.macs.Put(m)
	return dst
}
