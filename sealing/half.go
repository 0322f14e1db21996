package sealing

import (
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// SealsPerHalf is how many values are sealed before a new random nonce half,
	// and so a new AES-256 key, is drawn. With m seals a half and N seals in all
	// under one data key, two nonces are the same with a probability of about
	// N·m/2^97: with 2^16 that is 2^-32 after 2^49 seals.
	SealsPerHalf = 1 << 16

	// HalfLifetime is how long a half is used at most, so that a slow writer's
	// subkey does not stay in memory, and a copy of it useful, for days.
	HalfLifetime = time.Hour
)

// half is one random nonce half and the cipher of its subkey.
//
// The counter shares a cache line with what every seal reads anyway, so one
// atomic addition is all that concurrent callers contend for.
type half struct {
	seals  atomic.Uint64
	bytes  [halfSize]byte
	born   time.Time
	cipher cipher.AEAD // nonce as sealHalf.random demands
}

// sealHalf hands out the half that values are sealed with at present.
type sealHalf struct {
	key    *xaes
	random io.Reader // nil: nonces come from crypto/cipher itself

	current atomic.Pointer[half]
	rotate  sync.Mutex // held while a half is made
}

// take counts one seal and returns the half to use for it.
func (s *sealHalf) take(now time.Time) (*half, error) {
	if h := s.current.Load(); h.admit(now) {
		return h, nil
	}
	s.rotate.Lock()
	defer s.rotate.Unlock()
	if h := s.current.Load(); h.admit(now) { // another caller was first
		return h, nil
	}
	h, err := s.fresh(now)
	if err != nil {
		return nil, err
	}
	s.current.Store(h)
	return h, nil
}

// admit counts a seal and reports whether it is within the half's bounds. A
// clock set back ends a half as well: its age is no longer known.
func (h *half) admit(now time.Time) bool {
	if h == nil {
		return false
	}
	age := now.Sub(h.born)
	return age >= 0 && age < HalfLifetime && h.seals.Add(1) <= SealsPerHalf
}

func (s *sealHalf) fresh(now time.Time) (*half, error) {
	h := &half{born: now}
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
	// the half is just what an XAES nonce looks like.
	if s.random == nil {
		h.cipher, err = cipher.NewGCMWithRandomNonce(block)
	} else {
		h.cipher, err = cipher.NewGCM(block)
	}
	return h, err
}

// seal fills envelope[offHalf:] with nonce, ciphertext and tag. The plaintext
// may be the bytes at offNonce of envelope itself.
func (s *sealHalf) seal(h *half, envelope, plaintext, ad []byte) error {
	copy(envelope[offHalf:], h.bytes[:])
	if s.random == nil {
		h.cipher.Seal(envelope[:offNonce], nil, plaintext, ad) //nolint:gosec // G407: this cipher draws its own nonce
		return nil
	}
	text := envelope[offText : len(envelope)-tagSize]
	copy(text, plaintext) // before the nonce lands on it
	nonce := envelope[offNonce:offText]
	if _, err := io.ReadFull(s.random, nonce); err != nil {
		return fmt.Errorf("sealing: draw a nonce: %w", err)
	}
	h.cipher.Seal(envelope[:offText], nonce, text, ad)
	return nil
}

// locked makes a reader safe for the many goroutines that draw nonces.
type locked struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *locked) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return io.ReadFull(l.r, p)
}
