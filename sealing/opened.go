package sealing

import (
	"crypto/cipher"
	"sync"
	"sync/atomic"
)

const (
	openedSets = 256 // picked by the half's first byte, which is random
	openedWays = 4
)

// openedHalves keeps the ciphers of the halves that values were opened with
// lately, at most openedSets × openedWays of them: deriving one costs several
// times what a small value does. In each set the least recently used goes.
//
// Finding takes no lock and, but for the first use after a fill, writes
// nothing that another processor reads. Only a half that opened an authentic
// value is kept, so made-up envelopes cost a derivation each and evict nothing.
type openedHalves struct {
	fills atomic.Uint32 // the time in which least recently is told
	fill  sync.Mutex    // held while a half is put into its set
	sets  [openedSets][openedWays]atomic.Pointer[openedHalf]
}

type openedHalf struct {
	key    *xaes
	bytes  [halfSize]byte
	cipher cipher.AEAD
	prefix int // how much of the nonce the cipher wants apart from the text
	used   atomic.Uint32
}

// find returns the kept half of key, or nil.
func (o *openedHalves) find(key *xaes, half []byte) *openedHalf {
	set := &o.sets[half[0]]
	for i := range set {
		if h := set[i].Load(); h != nil && h.bytes == [halfSize]byte(half) && h.key == key {
			if now := o.fills.Load(); h.used.Load() != now {
				h.used.Store(now)
			}
			return h
		}
	}
	return nil
}

func deriveOpened(key *xaes, half []byte) (*openedHalf, error) {
	block, err := key.derive(half)
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
	return &openedHalf{key: key, bytes: [halfSize]byte(half), cipher: aead, prefix: aead.NonceSize()}, nil
}

// open appends to dst the plaintext of what follows a half in an envelope.
func (h *openedHalf) open(dst, sealed, ad []byte) ([]byte, error) {
	return h.cipher.Open(dst, sealed[:h.prefix], sealed[h.prefix:], ad)
}

// keep puts a half that proved authentic into its set.
func (o *openedHalves) keep(h *openedHalf) {
	o.fill.Lock()
	defer o.fill.Unlock()
	if o.find(h.key, h.bytes[:]) != nil { // another caller was first
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
