// Package sealing turns a value into an envelope that only a holder of the key can
// read or make, and back. It uses no network and no cache, and works with any
// untrusted store.
//
//	kr, err := sealing.KeyringFromSecret(secret) // 32 random bytes
//	s, err := sealing.New(kr)
//	envelope, err := s.Seal(nil, name, value, expiry, sealing.StampAt(now))
//	value, err := s.Open(nil, name, envelope, now)
//
// An envelope is the value under XAES-256-GCM (https://c2sp.org/XAES-256-GCM),
// Overhead bytes longer than the value. Bound into it, so that Open notices any
// change: the name it was sealed for, the namespace, the key's id, the time at
// which it was sealed and the time at which it expires. A store can therefore not
// read a value, alter it, pass it off as the value of another name, serve it past
// its expiry, or serve one sealed before a cut (see [Sealer.SetNotBefore]). It can
// lose a value, or serve an older one of the same name that has not expired yet, and
// it sees when a value is used and how long it is. Package sealing/freshness detects
// older values that this process has seen.
//
// Keys live in a [Keyring]. Root keys never touch data: from each, HKDF-SHA256
// derives a data key for every namespace, and from that XAES derives an
// AES-256-GCM key for every SealsPerSubkey values. A root key is good for 2^49
// values; rotate keys to limit what a stolen one reads, not because they wear
// out.
//
// docs/sealing.md specifies the format for other implementations, with vectors in
// testdata/sealing; docs/threat-model.md says what an attacker can do.
package sealing

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
)

// Sealer seals and opens values. It is safe for concurrent use.
type Sealer struct {
	config config
	// Unix milliseconds, 0 = none: of SetNotBefore.
	cut atomic.Int64
	// keys is nil once the Sealer is closed.
	keys atomic.Pointer[keySet]
	// Held while the key set is replaced.
	rekey sync.Mutex
	// Guarded by rekey.
	closed bool
}

// keySet is all that a Sealer derives from one state of a keyring.
type keySet struct {
	// byID has a nil value for a retired key.
	byID    map[uint32]*xaes
	primary uint32
	// Unix milliseconds, 0 = none: the keyring's.
	cut     int64
	sealing subkeySource
	opened  aeadCache
	names   wireNames
}

// New returns a Sealer with the keyring's keys. It keeps no root key: once New has
// returned, closing or changing the keyring does not affect the Sealer.
func New(kr *Keyring, opts ...Option) (*Sealer, error) {
	s := &Sealer{config: config{skew: DefaultSkew.Milliseconds(), clockBound: DefaultClockBound.Milliseconds()}}
	for _, opt := range opts {
		if err := opt(&s.config); err != nil {
			return nil, err
		}
	}
	if s.config.clock == nil {
		s.config.clock = clock.New() //nolint:forbidigo // the default
	}
	if s.config.namespace == "" && kr != nil {
		s.config.namespace = kr.namespace
	}
	s.SetNotBefore(s.config.notBefore)
	if err := s.Rekey(kr); err != nil {
		return nil, err
	}
	return s, nil
}

// Rekey replaces the Sealer's keys by those of the keyring, for a key rotation in a
// running process. Calls under way finish with the keys that they began with. On an
// error nothing changes.
func (s *Sealer) Rekey(kr *Keyring) error {
	s.rekey.Lock()
	defer s.rekey.Unlock()
	if s.closed {
		return ErrClosed
	}
	ks, err := newKeySet(kr, &s.config)
	if err != nil {
		return err
	}
	s.keys.Store(ks)
	return nil
}

func newKeySet(kr *Keyring, c *config) (*keySet, error) {
	if kr == nil {
		return nil, errors.New("sealing: no keyring")
	}
	byID, err := kr.dataKeys(c.namespace)
	if err != nil {
		return nil, err
	}
	primary := byID[kr.primary]
	if primary == nil {
		return nil, errors.New("sealing: the keyring has no primary key")
	}
	var nameKey []byte
	if c.blindNames {
		if nameKey, err = kr.nameKey(c.namespace); err != nil {
			return nil, err
		}
	}
	return &keySet{
		byID:    byID,
		primary: kr.primary,
		cut:     cutMillis(kr.notBefore),
		sealing: subkeySource{key: primary, random: c.random, clock: c.clock},
		names:   newWireNames(c.namespace, nameKey),
	}, nil
}

// Namespace returns the namespace that the Sealer works in, "" for none: that of
// WithNamespace, else the keyring's.
func (s *Sealer) Namespace() string { return s.config.namespace }

// Seal appends an envelope of the plaintext, for this name only, to dst and returns
// the extended slice. The envelope opens until expiry plus the opener's skew; the
// zero time means that it never expires. Expiry is rounded up to milliseconds. The
// stamp is the sealing time, such as [StampAt] of now; 0 leaves it out, for readers
// that only know version 0xC1.
//
// All of dst's capacity may be written to and must not overlap name or
// plaintext, neither of which is kept. With room in dst, Seal does not allocate.
func (s *Sealer) Seal(dst, name, plaintext []byte, expiry time.Time, stamp Stamp) ([]byte, error) {
	ks := s.keys.Load()
	if ks == nil {
		return dst, ErrClosed
	}
	h := Header{Version: VersionStamped, Padded: s.config.padding, KeyID: ks.primary, Stamp: stamp, expiry: toMillis(expiry)}
	if stamp == 0 {
		h.Version = VersionUnstamped
	}
	size := len(plaintext)
	if h.Padded {
		size = paddedSize(size)
	}
	sub, err := ks.sealing.next()
	if err != nil {
		return dst, err
	}

	size += h.overhead()
	out := slices.Grow(dst, size)[:len(dst)+size]
	envelope := out[len(dst):]
	h.put(envelope)
	sealed := envelope[h.size():]
	if h.Padded {
		padded := sealed[offNonce : len(sealed)-tagSize-nonceSize]
		pad(padded, copy(padded, plaintext))
		plaintext = padded
	}
	ad, pooled := authenticated(out, envelope[:h.size()], name)
	err = ks.sealing.seal(sub, sealed, plaintext, ad)
	pooled.release()
	if err != nil {
		clear(envelope)
		return dst, err
	}
	return out, nil
}

// Open appends to dst the value in the envelope, provided that it was sealed for
// this name and has not expired by now, and returns the extended slice. Any
// error leaves dst as it was: ErrMalformed, ErrUnknownKey, ErrNotAuthentic,
// ErrExpired, ErrStale or ErrClosed. [ParseHeader] returns the rest of the
// envelope's header.
//
// All of dst's capacity may be written to and must not overlap name or
// envelope, neither of which is kept. With room in dst, Open allocates only for a
// nonce prefix that it has not seen recently.
func (s *Sealer) Open(dst, name, envelope []byte, now time.Time) ([]byte, error) {
	ks := s.keys.Load()
	if ks == nil {
		return dst, ErrClosed
	}
	var h Header
	if err := h.parse(envelope); err != nil {
		return dst, err
	}
	// most often, and quicker to tell than to look up
	key := ks.sealing.key
	if h.KeyID != ks.primary {
		var known bool
		if key, known = ks.byID[h.KeyID]; key == nil {
			return dst, &KeyError{ID: h.KeyID, Retired: known}
		}
	}
	sealed := envelope[h.size():]
	aead := ks.opened.find(key, sealed[:noncePrefixSize])
	fresh := aead == nil
	if fresh {
		var err error
		if aead, err = deriveAEAD(key, sealed[:noncePrefixSize]); err != nil {
			return dst, err
		}
	}

	size := len(envelope) - h.overhead()
	room := slices.Grow(dst, size)
	ad, pooled := authenticated(room[:len(dst)+size], envelope[:h.size()], name)
	out, err := aead.open(room, sealed[noncePrefixSize:], ad)
	pooled.release()
	if err != nil {
		return dst, ErrNotAuthentic
	}
	if fresh {
		ks.opened.add(aead)
	}
	value := out[len(dst):]
	ms := now.UnixMilli()
	if h.expired(ms, s.config.skew) {
		clear(value)
		return dst, ErrExpired
	}
	if err := s.stale(ks, &h, ms); err != nil {
		clear(value)
		return dst, err
	}
	if h.Padded {
		n, err := unpad(value)
		if err != nil {
			clear(value)
			return dst, err
		}
		out = out[:len(dst)+n]
	}
	return out, nil
}

// AppendWireName appends to dst the key that the server sees for name: the name or
// its blind name, after the namespace if there is one. Once the Sealer is closed, it
// returns dst unchanged.
func (s *Sealer) AppendWireName(dst, name []byte) []byte {
	ks := s.keys.Load()
	if ks == nil {
		return dst
	}
	return ks.names.append(dst, name)
}

// Close drops all keys; later calls return ErrClosed.
//
// A Sealer keeps no root keys, and wipes data keys and subkeys as soon as AES has
// expanded them. A Go program cannot wipe the expanded keys inside AES and HMAC:
// they become garbage and stay in memory until that is reused. Nor can it wipe
// registers, stacks and swap.
func (s *Sealer) Close() error {
	s.rekey.Lock()
	defer s.rekey.Unlock()
	s.closed = true
	s.keys.Store(nil)
	return nil
}

// Format prints the type's name, whatever the verb: there are keys in it.
func (s *Sealer) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "sealing.Sealer") }

// authenticated returns what the tag covers besides the ciphertext.
//
// It is put together in the spare capacity behind out if it fits there, else in
// a pooled buffer, to be released: through the interface of crypto/cipher, a
// local array would escape to the heap every time.
func authenticated(out, header, name []byte) ([]byte, *associated) {
	if cap(out)-len(out) >= len(header)+len(name) {
		return append(append(out[len(out):], header...), name...), nil
	}
	a := associatedPool.Get().(*associated)
	a.bytes = append(append(a.bytes[:0], header...), name...)
	return a.bytes, a
}

type associated struct{ bytes []byte }

var associatedPool = sync.Pool{New: func() any { return new(associated) }}

func (a *associated) release() {
	if a != nil {
		associatedPool.Put(a)
	}
}
