// Package adapter is what the adapters of this module are made of, from
// scsstore to httpstore, and what you can write your own with. A Store keeps
// bytes by a name, as session stores and caches of web frameworks do, and does
// three things that every one of them needs:
//
//   - Each call has a bound, the client's cryptomem.WithFallbackTimeout, a second by
//     default: a store that is away slows one request but holds none, and the
//     calls after that fail at once until it is back.
//   - A value that cannot be opened is absent. Its key may have been retired, or
//     it was altered; either way a visitor gets a new session or a fresh
//     page, and no error for as long as the value lives. Such values are counted,
//     logged and told to WithErrorHandler.
//   - The server sees no name, only its SHA-256: what frameworks use as names are
//     session tokens, which let their bearers in, and addresses of pages. A name
//     that can be guessed can be guessed from its hash; cryptomem.WithBlindNames
//     helps against that.
//
// All adapters take the Options of this package. A client with a namespace of
// its own keeps one adapter's values apart from another's; WithPrefix does the
// same among several adapters on one client.
package adapter

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/sealing"
)

// A Store keeps bytes by name on top of a Client, which stays the caller's to
// close. It is safe for concurrent use.
type Store struct {
	client  *cryptomem.Client
	options options
	owed    pendingDeletes

	unopened, failures counter
}

// New returns a store of what the client seals.
func New(client *cryptomem.Client, opts ...Option) *Store {
	s := &Store{client: client, options: defaults()}
	for _, opt := range opts {
		opt(&s.options)
	}
	return s
}

// Client returns the client beneath.
func (s *Store) Client() *cryptomem.Client { return s.client }

// TTL returns what WithTTL set, for adapters whose framework does not say how
// long a value is to be kept.
func (s *Store) TTL() time.Duration { return s.options.ttl }

// Now returns the time, for adapters whose framework wants to know how much of it
// is left.
func (s *Store) Now() time.Time { return s.options.clock.Now() }

// Unopened returns how many values could not be opened so far.
func (s *Store) Unopened() uint64 { return s.unopened.Load() }

// Name returns the key under which the client keeps what the framework calls
// name: 32 bytes.
func (s *Store) Name(name string) string {
	if s.options.prefix == "" {
		sum := sha256.Sum256([]byte(name))
		return string(sum[:])
	}
	// HMAC takes "a" and "a\x00" for one key
	prefix := sha256.Sum256([]byte(s.options.prefix))
	mac := hmac.New(sha256.New, prefix[:])
	mac.Write([]byte(name))
	return string(mac.Sum(nil))
}

// Get returns the value under the name; found is false if there is none that
// can be opened. The value is the caller's.
func (s *Store) Get(ctx context.Context, name string) (value []byte, found bool, err error) {
	found, err = s.look(ctx, name, func(ctx context.Context, key string) (err error) {
		value, err = s.client.Get(ctx, key)
		return err
	})
	return value, found, err
}

// Item is Get for those who want to know when the value expires.
func (s *Store) Item(ctx context.Context, name string) (item cryptomem.Item, found bool, err error) {
	found, err = s.look(ctx, name, func(ctx context.Context, key string) (err error) {
		item, err = s.client.GetItem(ctx, key)
		return err
	})
	return item, found, err
}

// look has get look for the name's key, and tells what its error means.
func (s *Store) look(ctx context.Context, name string, get func(context.Context, string) error) (found bool, err error) {
	key := s.Name(name)
	if err := s.settle(ctx, key); err != nil {
		return false, err
	}
	ctx, cancel := s.Bound(ctx)
	defer cancel()
	if err = get(ctx, key); s.Absent(err) {
		return false, nil
	}
	return err == nil, err
}

// Set stores the value under the name for ttl, 0 meaning no expiry. After an
// error the name holds what it held before, or the new value; see Overwrite for
// a store in which the older value must be gone.
func (s *Store) Set(ctx context.Context, name string, value []byte, ttl time.Duration) error {
	ctx, cancel := s.Bound(ctx)
	defer cancel()
	key := s.Name(name)
	err := s.client.Set(ctx, key, value, cryptomem.TTL(ttl))
	if err == nil {
		s.owed.paid(key)
	}
	return err
}

// Delete removes what the name holds, and tells whether that was anything. That
// there is nothing is no error.
func (s *Store) Delete(ctx context.Context, name string) (found bool, err error) {
	return s.remove(ctx, s.Name(name))
}

// Bound returns a context for one call, which ends with ctx or when the client's
// patience is over; see cryptomem.WithFallbackTimeout.
func (s *Store) Bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return s.client.FallbackContext(ctx)
}

// Absent reports whether err says that there is nothing that can be opened:
// ErrNotFound, or a value that does not open, which it counts and reports.
func (s *Store) Absent(err error) bool {
	if Unopenable(err) {
		s.tell(&s.unopened, "a sealed value cannot be opened and counts as absent", err)
		return true
	}
	return errors.Is(err, cryptomem.ErrNotFound)
}

// Unopenable reports whether err says that a value is there and cannot be
// opened: its key is unknown or retired, it is not authentic, or it is stale.
func Unopenable(err error) bool {
	return errors.Is(err, cryptomem.ErrNotAuthentic) ||
		errors.Is(err, sealing.ErrUnknownKey) ||
		errors.Is(err, sealing.ErrStale)
}

// Report logs an error that the framework has no way to take, and tells it to
// WithErrorHandler. It does nothing for nil.
func (s *Store) Report(err error) {
	if err != nil {
		s.tell(&s.failures, "the store failed", err)
	}
}

func (s *Store) remove(ctx context.Context, key string) (found bool, err error) {
	ctx, cancel := s.Bound(ctx)
	defer cancel()
	err = s.client.Delete(ctx, key)
	if err != nil && !errors.Is(err, cryptomem.ErrNotFound) {
		return false, err
	}
	s.owed.paid(key)
	return err == nil, nil
}
