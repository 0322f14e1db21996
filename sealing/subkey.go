package sealing

import (
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
)

const (
	// SealsPerSubkey is how many values are sealed before a new random nonce prefix,
	// and so a new AES-256 key, is drawn. With m seals a subkey and N seals in all
	// under one data key, two nonces are the same with a probability of about
	// N·m/2^97: with 2^16 that is 2^-32 after 2^49 seals.
	SealsPerSubkey = 1 << 16

	// SubkeyLifetime is how long a subkey is used at most, so that it does
	// not stay in memory, and a copy of it useful, for days in a slow writer. Reading
	// the clock costs a third of sealing 64 bytes; so, beyond a subkey's first
	// ageCheck values, it is read for one in ageCheck, and a subkey past its time may
	// seal fewer than that many values more.
	SubkeyLifetime = time.Hour

	ageCheck = 64 // a power of two
)

// A subkey is one random nonce prefix and the cipher that the prefix derives.
//
// The counter shares a cache line with what every seal reads anyway, so one
// atomic addition is all that concurrent callers contend for.
type subkey struct {
	seals atomic.Uint64
	bytes [noncePrefixSize]byte
	born  time.Time
	// Nonce as subkeySource.random demands.
	cipher cipher.AEAD
}

// A subkeySource hands out the subkey that values are sealed with at present.
type subkeySource struct {
	key *xaes
	// Nil: nonces come from crypto/cipher itself.
	random io.Reader
	clock  clock.Clock

	current atomic.Pointer[subkey]
	// Held while a subkey is made.
	rotate sync.Mutex
}

// next counts one seal and returns the subkey to use for it.
func (s *subkeySource) next() (*subkey, error) {
	if h := s.current.Load(); s.admits(h) {
		return h, nil
	}
	s.rotate.Lock()
	defer s.rotate.Unlock()
	// another caller was first
	if h := s.current.Load(); s.admits(h) {
		return h, nil
	}
	h, err := s.draw()
	if err != nil {
		return nil, err
	}
	s.current.Store(h)
	return h, nil
}

// admits counts a seal and reports whether it is within the subkey's bounds.
func (s *subkeySource) admits(h *subkey) bool {
	if h == nil {
		return false
	}
	n := h.seals.Add(1)
	if (n < ageCheck || n%ageCheck == 0) && !h.young(s.clock.Now()) {
		// no other goroutine may use it either
		h.seals.Store(SealsPerSubkey)
		return false
	}
	return n <= SealsPerSubkey
}

// young: a clock set back ends a subkey as well, for its age is no longer known.
func (h *subkey) young(now time.Time) bool {
	age := now.Sub(h.born)
	return age >= 0 && age < SubkeyLifetime
}

func (s *subkeySource) draw() (*subkey, error) {
	h := &subkey{born: s.clock.Now()}
	h.seals.Store(1)
	var err error
	if s.random == nil {
		_, err = rand.Read(h.bytes[:])
	} else {
		_, err = io.ReadFull(s.random, h.bytes[:])
	}
	if err != nil {
		return nil, fmt.Errorf("sealing: draw a nonce: %w", err)
	}
	block, err := s.key.derive(h.bytes[:])
	if err != nil {
		return nil, err
	}
	// NewGCMWithRandomNonce writes its nonce before the ciphertext, which after
	// the subkey is just what an XAES nonce looks like.
	if s.random == nil {
		h.cipher, err = cipher.NewGCMWithRandomNonce(block)
	} else {
		h.cipher, err = cipher.NewGCM(block)
	}
	return h, err
}

// seal fills sealed, which is what follows an envelope's header, with nonce,
// ciphertext and tag. The plaintext may be the bytes at offNonce of sealed itself.
func (s *subkeySource) seal(h *subkey, sealed, plaintext, ad []byte) error {
	*(*[noncePrefixSize]byte)(sealed) = h.bytes
	if s.random == nil {
		h.cipher.Seal(sealed[:offNonce], nil, plaintext, ad) //nolint:gosec // G407: this cipher draws its own nonce
		return nil
	}
	text := sealed[offText : len(sealed)-tagSize]
	// before the nonce lands on it
	copy(text, plaintext)
	nonce := sealed[offNonce:offText]
	if _, err := io.ReadFull(s.random, nonce); err != nil {
		return fmt.Errorf("sealing: draw a nonce: %w", err)
	}
	h.cipher.Seal(sealed[:offText], nonce, text, ad)
	return nil
}

// lockedReader makes a reader safe for the many goroutines that draw nonces.
type lockedReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *lockedReader) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return io.ReadFull(l.r, p)
}
