package sealing

import (
	"crypto/cipher"
	"sync"
	"sync/atomic"
)

const (
	cacheSets = 256 // picked by the first byte of the nonce prefix, which is random
	cacheWays = 4
)

// An aeadCache keeps the ciphers of the subkeys that values were opened with
// recently, at most cacheSets × cacheWays of them: deriving one costs several
// times what a small value does. In each set the least recently used goes.
//
// Finding takes no lock and, but for the first use after a fill, writes
// nothing that another processor reads. Only a subkey that opened an authentic
// value is kept, so made-up envelopes cost a derivation each and evict nothing.
type aeadCache struct {
	// A counter that orders the uses.
	fills atomic.Uint32
	// Held while a subkey is put into its set.
	fill sync.Mutex
	sets [cacheSets][cacheWays]atomic.Pointer[cachedAEAD]
}

type cachedAEAD struct {
	key    *xaes
	bytes  [noncePrefixSize]byte
	cipher cipher.AEAD
	// How much of the nonce the cipher wants apart from the text.
	prefix int
	used   atomic.Uint32
}

// find returns the cached AEAD of key and nonce prefix, or nil.
func (o *aeadCache) find(key *xaes, prefix []byte) *cachedAEAD {
	set := &o.sets[prefix[0]]
	for i := range set {
		if h := set[i].Load(); h != nil && h.bytes == [noncePrefixSize]byte(prefix) && h.key == key {
			if now := o.fills.Load(); h.used.Load() != now {
				h.used.Store(now)
			}
			return h
		}
	}
	return nil
}

func deriveAEAD(key *xaes, prefix []byte) (*cachedAEAD, error) {
	block, err := key.derive(prefix)
	if err != nil {
		return nil, err
	}
	// The faster one, but not to be had where GODEBUG=fips140=only.
	aead, err := cipher.NewGCM(block)
	if err != nil {
		aead, err = cipher.NewGCMWithRandomNonce(block)
	}
	if err != nil {
		return nil, err
	}
	return &cachedAEAD{key: key, bytes: [noncePrefixSize]byte(prefix), cipher: aead, prefix: aead.NonceSize()}, nil
}

// open appends to dst the plaintext of what follows a subkey in an envelope.
func (h *cachedAEAD) open(dst, sealed, ad []byte) ([]byte, error) {
	return h.cipher.Open(dst, sealed[:h.prefix], sealed[h.prefix:], ad)
}

// add puts a subkey that proved authentic into its set.
func (o *aeadCache) add(h *cachedAEAD) {
	o.fill.Lock()
	defer o.fill.Unlock()
	// another caller was first
	if o.find(h.key, h.bytes[:]) != nil {
		return
	}
	now := o.fills.Add(1)
	h.used.Store(now)
	set := &o.sets[h.bytes[0]]
	victim, oldest := 0, uint32(0)
	for i := range set {
		e := set[i].Load()
		if e == nil {
			victim = i
			break
		}
		if age := now - e.used.Load(); age > oldest {
			victim, oldest = i, age
		}
	}
	set[victim].Store(h)
}
