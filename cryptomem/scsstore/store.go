// Package scsstore keeps the sessions of github.com/alexedwards/scs in
// cryptomem.
//
//	sessions := scs.New()
//	sessions.Store = scsstore.New(client)
//
// A session token lets its bearer in, so the server is not shown any: an item's
// key is the token's SHA-256. Use a client with a namespace of its own.
package scsstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// A Store implements scs.Store and scs.CtxStore. It is safe for concurrent use.
type Store struct {
	client *cryptomem.Client
	clock  clock.Clock
}

// An Option changes how a Store works.
type Option func(*Store)

// WithClock tells the time in place of the real clock.
func WithClock(clk clock.Clock) Option { return func(s *Store) { s.clock = clk } }

// New returns a store of sessions. The client stays the caller's to close.
func New(c *cryptomem.Client, opts ...Option) *Store {
	s := &Store{client: c, clock: clock.New()}
	for _, opt := range opts {
		opt(s)
	}
	return s
}

// FindCtx returns the session of the token; found is false if there is none or
// it has expired.
func (s *Store) FindCtx(ctx context.Context, token string) (b []byte, found bool, err error) {
	b, err = s.client.Get(ctx, key(token))
	if errors.Is(err, cryptomem.ErrNotFound) {
		return nil, false, nil
	}
	return b, err == nil, err
}

// CommitCtx stores the session of the token until expiry. A session that has
// expired already is removed.
func (s *Store) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	ttl := expiry.Sub(s.clock.Now())
	if ttl <= 0 {
		return s.DeleteCtx(ctx, token)
	}
	return s.client.Set(ctx, key(token), b, cryptomem.TTL(ttl))
}

// DeleteCtx removes the session of the token, if there is one.
func (s *Store) DeleteCtx(ctx context.Context, token string) error {
	err := s.client.Delete(ctx, key(token))
	if errors.Is(err, cryptomem.ErrNotFound) {
		return nil
	}
	return err
}

// Find is FindCtx without a context.
func (s *Store) Find(token string) (b []byte, found bool, err error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx without a context.
func (s *Store) Commit(token string, b []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, b, expiry)
}

// Delete is DeleteCtx without a context.
func (s *Store) Delete(token string) error {
	return s.DeleteCtx(context.Background(), token)
}

func key(token string) string {
	sum := sha256.Sum256([]byte(token))
	return string(sum[:])
}
