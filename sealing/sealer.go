// Package sealing turns a value into an envelope that only a holder of the key
// can read or make, and back. It knows no network and no cache, and is of use
// with any store that is not to be trusted.
//
//	kr, err := sealing.KeyringFromSecret(secret) // 32 random bytes
//	s, err := sealing.New(kr)
//	envelope, err := s.Seal(nil, name, value, expiry)
//	value, err := s.Open(nil, name, envelope, now)
//
// An envelope is the value under XAES-256-GCM (https://c2sp.org/XAES-256-GCM),
// Overhead bytes longer than the value. Bound into it, so that Open notices any
// change: the name it was sealed for, the namespace, the key's id and the time at
// which it expires. Who stores envelopes can therefore not read a value, alter
// it, pass it off as the value of another name, or serve it past its
// expiry. They can lose it, or serve an older one of the same name that has not
// expired yet, and they see when it is used and how long it is.
//
// Keys live in a [Keyring]. Root keys never touch data: from each, HKDF-SHA256
// derives a data key for every namespace, and from that XAES derives an
// AES-256-GCM key for every SealsPerHalf values. A root key is good for 2^49
// values; rotate keys to limit what a stolen one reads, not because they wear
// out.
//
// docs/sealing.md has all of it in enough detail to implement it elsewhere,
// testdata/sealing the vectors; docs/threat-model.md tells who can do what.
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
	keys   atomic.Pointer[keySet] // nil: closed
	rekey  sync.Mutex             // held while the key set is replaced
	closed bool                   // guarded by rekey
}

// keySet is all that a Sealer derives from one state of a keyring.
type keySet struct {
	byID    map[uint32]*xaes // nil value: retired
	primary uint32
	sealing sealHalf
	opened  openedHalves
	names   wireNames
}

// New returns a Sealer of the keyring's keys. It keeps no root key: the keyring
// may be closed, or changed to no effect, as soon as New has returned.
func New(kr *Keyring, opts ...Option) (*Sealer, error) {
	s := &Sealer{config: config{skew: DefaultSkew}}
	for _, opt := range opts {
		if err := opt(&s.config); err != nil {
			return nil, err
		}
	}
	if s.config.clock == nil {
		s.config.clock = clock.New()
	}
	if err := s.Rekey(kr); err != nil {
		return nil, err
	}
	return s, nil
}

// Rekey puts the keyring's keys in the place of those in use, which is how a
// running process takes part in a rotation. Calls under way finish with the
// keys that they began with. On an error nothing changes.
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
		sealing: sealHalf{key: primary, random: c.random, clock: c.clock},
		names:   newWireNames(c.namespace, nameKey),
	}, nil
}

// Seal appends to dst one envelope of the plaintext, for this name and no other,
// and returns the extended slice. From expiry on, plus the opener's skew, it
// will not open; the zero time means that it never expires. Expiry counts in
// milliseconds, rounded up.
//
// All of dst's capacity may be written to and must not overlap name or
// plaintext, neither of which is kept. With room in dst, Seal does not allocate.
func (s *Sealer) Seal(dst, name, plaintext []byte, expiry time.Time) ([]byte, error) {
	ks := s.keys.Load()
	if ks == nil {
		return dst, ErrClosed
	}
	h := header{keyID: ks.primary, expiry: toMillis(expiry)}
	size := len(plaintext)
	if s.config.padding {
		h.flags |= flagPadded
		size = paddedSize(size)
	}
	half, err := ks.sealing.take()
	if err != nil {
		return dst, err
	}

	out := slices.Grow(dst, Overhead+size)[:len(dst)+Overhead+size]
	envelope := out[len(dst):]
	h.put(envelope)
	if s.config.padding {
		padded := envelope[offNonce:][:size]
		pad(padded, copy(padded, plaintext))
		plaintext = padded
	}
	ad, pooled := authenticated(out, envelope, name)
	err = ks.sealing.seal(half, envelope, plaintext, ad)
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
// ErrExpired or ErrClosed.
//
// All of dst's capacity may be written to and must not overlap name or
// envelope, neither of which is kept. With room in dst, Open allocates only for a
// nonce half that it has not met lately.
func (s *Sealer) Open(dst, name, envelope []byte, now time.Time) ([]byte, error) {
	ks := s.keys.Load()
	if ks == nil {
		return dst, ErrClosed
	}
	h, err := parseHeader(envelope)
	if err != nil {
		return dst, err
	}
	key := ks.sealing.key // most often, and quicker to tell than to look up
	if h.keyID != ks.primary {
		var known bool
		if key, known = ks.byID[h.keyID]; key == nil {
			return dst, &KeyError{ID: h.keyID, Retired: known}
		}
	}
	half := ks.opened.find(key, envelope[offHalf:offNonce])
	fresh := half == nil
	if fresh {
		if half, err = deriveOpened(key, envelope[offHalf:offNonce]); err != nil {
			return dst, err
		}
	}

	room := slices.Grow(dst, len(envelope)-Overhead)
	ad, pooled := authenticated(room[:len(dst)+len(envelope)-Overhead], envelope, name)
	out, err := half.open(room, envelope[offNonce:], ad)
	pooled.release()
	if err != nil {
		return dst, ErrNotAuthentic
	}
	if fresh {
		ks.opened.keep(half)
	}
	value := out[len(dst):]
	if h.expired(now, s.config.skew) {
		clear(value)
		return dst, ErrExpired
	}
	if h.flags&flagPadded != 0 {
		n, err := unpad(value)
		if err != nil {
			clear(value)
			return dst, err
		}
		out = out[:len(dst)+n]
	}
	return out, nil
}

// AppendWireName appends to dst what the server is to see as the key of name:
// the name itself or its blind name, after the namespace if there is one. It
// returns dst as it is once the Sealer is closed.
func (s *Sealer) AppendWireName(dst, name []byte) []byte {
	ks := s.keys.Load()
	if ks == nil {
		return dst
	}
	return ks.names.append(dst, name)
}

// Close lets go of all keys; whatever is called afterwards answers ErrClosed.
//
// Root keys were never kept, and data keys and subkeys wiped as soon as AES had
// expanded them. What AES and HMAC made of them is out of a Go program's reach:
// it is garbage from here on, and stays in memory until that is used again.
// Registers, stacks and swap are beyond Go altogether.
func (s *Sealer) Close() error {
	s.rekey.Lock()
	defer s.rekey.Unlock()
	s.closed = true
	s.keys.Store(nil)
	return nil
}

// Format prints the type's name, whatever the verb: there are keys in it.
func (s *Sealer) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "sealing.Sealer") }

// authenticated returns what the tag covers besides the ciphertext. The header's
// size is fixed, so where the name begins is never in doubt.
//
// It is put together in the spare capacity behind out if it fits there, else in
// a pooled buffer, to be released: through the interface of crypto/cipher, a
// local array would escape to the heap every time.
func authenticated(out, envelope, name []byte) ([]byte, *associated) {
	if cap(out)-len(out) >= headerSize+len(name) {
		return append(append(out[len(out):], envelope[:headerSize]...), name...), nil
	}
	a := associatedPool.Get().(*associated)
	a.bytes = append(append(a.bytes[:0], envelope[:headerSize]...), name...)
	return a.bytes, a
}

type associated struct{ bytes []byte }

var associatedPool = sync.Pool{New: func() any { return new(associated) }}

func (a *associated) release() {
	if a != nil {
		associatedPool.Put(a)
	}
}
