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

	// ErrUnknownKey: the keyring has no enabled key of the envelope's key id. The error
	// is a *KeyError, which has the id.
	ErrUnknownKey = errors.New("sealing: unknown key")

	// ErrStale: the value is authentic and has not expired, but is refused for its
	// age. The error is a *StaleError, which has the reason.
	ErrStale = errors.New("sealing: value is stale")

	// ErrMalformed: the bytes are not an envelope of a version that this package
	// reads.
	ErrMalformed = errors.New("sealing: malformed envelope")
)

// Why Open finds a value stale. Each is an ErrStale as well.
var (
	// ErrBeforeCut: the value was sealed before the time that WithNotBefore or the
	// keyring sets.
	ErrBeforeCut = &StaleError{"before_cut", "it was sealed before the cut"}

	// ErrAhead: the value says that it was sealed later than any clock can show,
	// as far as WithClockBound knows. The writer's clock is ahead, or this one
	// behind.
	ErrAhead = &StaleError{"ahead", "it was sealed ahead of this clock"}

	// ErrUnstamped: the value does not say when it was sealed, and must.
	ErrUnstamped = &StaleError{"unstamped", "it does not say when it was sealed"}
)

// StaleError is a reason for which a value is stale. errors.Is(err, ErrStale)
// holds.
type StaleError struct {
	// The reason as metrics name it: before_cut, ahead, unstamped, superseded.
	Word string
	// The reason for people.
	Reason string
}

func (e *StaleError) Error() string { return "sealing: value is stale: " + e.Reason }

// Is makes a StaleError match ErrStale.
func (e *StaleError) Is(target error) bool { return target == ErrStale }

// ErrClosed is the error of a Sealer or Keyring after its Close.
var ErrClosed = errors.New("sealing: closed")

// KeyError names the key that is missing. errors.Is(err, ErrUnknownKey) holds.
type KeyError struct {
	ID uint32
	// Retired is set if the keyring had the key and retired it.
	Retired bool
}

func (e *KeyError) Error() string {
	if e.Retired {
		return fmt.Sprintf("sealing: key %08x is retired", e.ID)
	}
	return fmt.Sprintf("sealing: no key %08x in the keyring", e.ID)
}

// Is makes a KeyError match ErrUnknownKey.
func (e *KeyError) Is(target error) bool { return target == ErrUnknownKey }
