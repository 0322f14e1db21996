package sealing

import (
	"errors"
	"fmt"
)

// The reasons why Open refuses an envelope. Test for them with errors.Is.
var (
	// ErrNotAuthentic: no holder of the key sealed these bytes for this name in
	// this namespace. They were altered, or belong elsewhere.
	ErrNotAuthentic = errors.New("sealing: value is not authentic")

	// ErrExpired: the value is authentic, and past the expiry sealed with it.
	ErrExpired = errors.New("sealing: value has expired")

	// ErrUnknownKey: the keyring has no enabled key of the envelope's key id.
	// The error is a *KeyError, which tells the id.
	ErrUnknownKey = errors.New("sealing: unknown key")

	// ErrMalformed: the bytes are no envelope of a version this package reads.
	ErrMalformed = errors.New("sealing: malformed envelope")
)

// ErrClosed is the answer of a Sealer or Keyring after its Close.
var ErrClosed = errors.New("sealing: closed")

// KeyError names the key that is missing. errors.Is(err, ErrUnknownKey) holds.
type KeyError struct {
	ID      uint32
	Retired bool // the keyring knew the key and retired it
}

func (e *KeyError) Error() string {
	if e.Retired {
		return fmt.Sprintf("sealing: key %08x is retired", e.ID)
	}
	return fmt.Sprintf("sealing: no key %08x in the keyring", e.ID)
}

// Is makes a KeyError match ErrUnknownKey.
func (e *KeyError) Is(target error) bool { return target == ErrUnknownKey }
