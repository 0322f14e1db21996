package sealing

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// KeySize is the size of a root key, in bytes.
const KeySize = keySize

// MaxKeys is how many keys a keyring holds, retired ones included. Rotating
// daily, that is two years and a half of retired ids.
const MaxKeys = 1000

// What HKDF-SHA256 is told to make of a root key (RFC 5869, without a salt).
// The namespace follows, one length byte before it, where it matters.
const (
	infoSeal     = "cryptomem/1 seal"      // the data key of a namespace
	infoName     = "cryptomem/1 name"      // the blind-name key of a namespace
	infoKeyID    = "cryptomem/1 key id"    // the id of a key that was given none
	infoNameRoot = "cryptomem/1 name root" // the name root of a lone secret
)

// Keyring is a set of root keys: one primary, which seals, and any number that
// still open what they sealed. Rotating is three steps, each given time to reach
// every process before the next: Add, so that all can read; Promote, so that all
// write with it; Retire the old one, once what it sealed has expired.
//
// A keyring of root keys opens every namespace. [Keyring.Derive] makes one that opens a
// single namespace, for a tenant that must not read the others.
//
// A Sealer copies what it needs out of a keyring; changes reach it by
// [Sealer.Rekey]. A Keyring is for one goroutine at a time.
type Keyring struct {
	// "": keys and nameRoot are roots; else they are derived for it.
	namespace string
	keys      []ringKey
	primary   uint32
	// nameRoot is nil if there are no blind names.
	nameRoot secretKey
	// Zero: no cut.
	notBefore time.Time
}

type ringKey struct {
	id uint32
	// secret is nil for a retired key.
	secret  secretKey
	created time.Time
}

// secretKey returns the bytes of a key. It is a function because fmt, which finds
// its way into unexported fields and, under the wrong verb, behind pointers,
// prints nothing of one but its address.
type secretKey func() []byte

// newSecret copies b; what says which secret an error is about. Zeros are what a
// buffer holds that was never filled.
func newSecret(what string, b []byte) (secretKey, error) {
	if len(b) != KeySize {
		return nil, fmt.Errorf("sealing: %s is %d bytes, must be exactly %d", what, len(b), KeySize)
	}
	s := [KeySize]byte(b)
	if s == [KeySize]byte{} {
		return nil, fmt.Errorf("sealing: %s is %d zero bytes, must be random", what, KeySize)
	}
	return func() []byte { return s[:] }, nil
}

func randomSecret() secretKey {
	var s [KeySize]byte
	// it does not fail, it aborts
	_, _ = rand.Read(s[:])
	return func() []byte { return s[:] }
}

func (s secretKey) wipe() {
	if s != nil {
		clear(s())
	}
}

// KeyInfo describes a key without its secret.
type KeyInfo struct {
	ID      uint32
	Primary bool
	Retired bool
	// Created is the zero time if it is unknown.
	Created time.Time
}

// NewKeyring returns a keyring of one fresh random key, with a root for blind
// names. The time is kept as the key's age and used for nothing else.
func NewKeyring(now time.Time) (*Keyring, error) {
	kr := &Keyring{nameRoot: randomSecret()}
	_, err := kr.Generate(now)
	return kr, err
}

// KeyringFromSecret returns a keyring of one key: secret, which must be exactly 32
// bytes, drawn at random and not typed by a person (for a passphrase there is
// [KeyringFromPassphrase]). The secret is copied. The key's id is derived from it, so a
// process with another secret gets [ErrUnknownKey].
func KeyringFromSecret(secret []byte) (*Keyring, error) {
	kr := &Keyring{}
	if _, err := kr.Add(secret); err != nil {
		return nil, err
	}
	root, err := derive(secret, infoNameRoot)
	if err != nil {
		return nil, err
	}
	defer clear(root)
	return kr, kr.SetNameRoot(root)
}

// Add adds a key of KeySize bytes. Its id is derived from it, so every process that
// adds the key gets the same id. The key opens values from now on and seals once
// promoted; the first key of a keyring is its primary. The secret is copied.
func (kr *Keyring) Add(secret []byte) (id uint32, err error) {
	k, err := newSecret("key", secret)
	if err != nil {
		return 0, err
	}
	return kr.add(k, time.Time{})
}

// add takes k itself, under the id derived from it.
func (kr *Keyring) add(k secretKey, created time.Time) (id uint32, err error) {
	if err := kr.needRoots(); err != nil {
		return 0, err
	}
	sum, err := derive(k(), infoKeyID)
	if err != nil {
		return 0, err
	}
	id = binary.BigEndian.Uint32(sum)
	return id, kr.insert(ringKey{id: id, secret: k, created: created})
}

// AddWithID is Add for a key that has an id already, from a system that manages
// keys. An id is never used twice, not even after its key has retired.
func (kr *Keyring) AddWithID(id uint32, secret []byte) error {
	if err := kr.needRoots(); err != nil {
		return err
	}
	k, err := newSecret("key", secret)
	if err != nil {
		return err
	}
	return kr.insert(ringKey{id: id, secret: k})
}

// AddRetired records the id of a key that another system has retired, so that errors
// can tell it from an unknown one.
func (kr *Keyring) AddRetired(id uint32) error { return kr.insert(ringKey{id: id}) }

// Generate adds a random key and returns its id.
func (kr *Keyring) Generate(now time.Time) (id uint32, err error) {
	if err := kr.needRoots(); err != nil {
		return 0, err
	}
	return kr.add(randomSecret(), now)
}

func (kr *Keyring) insert(k ringKey) error {
	if kr.find(k.id) != nil {
		return fmt.Errorf("sealing: key %08x is in the keyring already", k.id)
	}
	if len(kr.keys) == MaxKeys {
		return fmt.Errorf("sealing: keyring holds %d keys, limit %d", MaxKeys, MaxKeys)
	}
	if len(kr.keys) == 0 {
		kr.primary = k.id
	}
	kr.keys = append(kr.keys, k)
	return nil
}

// Promote makes the key the primary, which seals. If the key is unknown or retired,
// the error is a [*KeyError].
func (kr *Keyring) Promote(id uint32) error {
	k := kr.find(id)
	if k == nil || k.secret == nil {
		return &KeyError{ID: id, Retired: k != nil}
	}
	kr.primary = id
	return nil
}

// Retire wipes a key: values sealed with it can never be opened again. Its id stays,
// so that errors can tell a retired key from an unknown one. The primary cannot be
// retired.
func (kr *Keyring) Retire(id uint32) error {
	k := kr.find(id)
	if k == nil || k.secret == nil {
		return &KeyError{ID: id, Retired: k != nil}
	}
	if id == kr.primary {
		return fmt.Errorf("sealing: key %08x is the primary: promote another before it retires", id)
	}
	k.secret.wipe()
	k.secret = nil
	return nil
}

// SetNameRoot sets the secret of KeySize bytes that blind names are made with.
// It stays the same while keys come and go, or every name would change with
// them. It is copied. [NewKeyring] and [KeyringFromSecret] have set one.
func (kr *Keyring) SetNameRoot(secret []byte) error {
	if err := kr.needRoots(); err != nil {
		return err
	}
	root, err := newSecret("name root", secret)
	if err != nil {
		return err
	}
	kr.nameRoot.wipe()
	kr.nameRoot = root
	return nil
}

// SetNotBefore sets a cut for every Sealer that uses the keyring: it opens no value
// sealed before t; see [Sealer.SetNotBefore]. The zero time removes it.
func (kr *Keyring) SetNotBefore(t time.Time) { kr.notBefore = t }

// NotBefore returns the cut; the zero time means that there is none.
func (kr *Keyring) NotBefore() time.Time { return kr.notBefore }

// Keys describes the keys, in the order in which they were added.
func (kr *Keyring) Keys() []KeyInfo {
	infos := make([]KeyInfo, len(kr.keys))
	for i, k := range kr.keys {
		retired := k.secret == nil
		infos[i] = KeyInfo{ID: k.id, Retired: retired, Primary: !retired && k.id == kr.primary, Created: k.created}
	}
	return infos
}

// Close wipes all secrets of the keyring. Sealers made from it keep working.
func (kr *Keyring) Close() error {
	for i := range kr.keys {
		kr.keys[i].secret.wipe()
	}
	kr.nameRoot.wipe()
	*kr = Keyring{}
	return nil
}

// Format prints how many keys there are, which is primary and for which namespace
// they are, whatever the verb, of a copy as well.
func (kr Keyring) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "sealing.Keyring(%d keys, primary %08x", len(kr.keys), kr.primary)
	if kr.namespace != "" {
		_, _ = fmt.Fprintf(f, ", of namespace %q alone", kr.namespace)
	}
	_, _ = fmt.Fprint(f, ")")
}

// MarshalJSON fails, so that no logger or encoder writes keys by accident.
// [Keyring.WriteFile] writes them on purpose.
func (kr Keyring) MarshalJSON() ([]byte, error) {
	return nil, errors.New("sealing: a keyring is not for encoding, see WriteFile")
}

func (kr *Keyring) find(id uint32) *ringKey {
	for i := range kr.keys {
		if kr.keys[i].id == id {
			return &kr.keys[i]
		}
	}
	return nil
}

func derive(secret []byte, info string) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, nil, info, keySize)
}
