// Package scsstore keeps the sessions of github.com/alexedwards/scs in
// cryptomem.
//
//	sessions := scs.New()
//	sessions.Store = scsstore.New(client)
//
// A session token lets its bearer in, so the server is not shown any: an item's
// key is the token's SHA-256. Use a client with a namespace of its own.
//
// A session that cannot be opened, because its key was retired or it was
// altered, is not found: its visitor is logged out and can log in. A commit or
// a logout happens though the visitor has gone, within the bound of
// cryptomem.WithFallbackTimeout. While the store is away, scs answers with its ErrorFunc.
package scsstore

import (
	"context"
	"fmt"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
)

// A Store implements scs.CtxStore. It is safe for concurrent use.
type Store struct {
	sessions *adapter.Store
	clock    clock.Clock
}

// New returns a store of sessions. The client stays the caller's to close.
func New(client *cryptomem.Client, opts ...adapter.Option) *Store {
	return &Store{sessions: adapter.New(client, opts...), clock: clock.New()} //nolint:forbidigo // scs makes expiries by the real time
}

// FindCtx returns the session of the token; found is false if there is none, it
// has expired, or it cannot be opened.
func (s *Store) FindCtx(ctx context.Context, token string) (b []byte, found bool, err error) {
	return s.sessions.Get(ctx, token)
}

// CommitCtx stores the session of the token until expiry. A session that has
// expired already is removed. That ctx is cancelled does not stop it.
func (s *Store) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	ttl := expiry.Sub(s.clock.Now())
	if ttl <= 0 {
		return s.DeleteCtx(ctx, token)
	}
	return s.sessions.Set(context.WithoutCancel(ctx), token, b, ttl)
}

// DeleteCtx removes the session of the token, if there is one. That ctx is
// cancelled does not stop it.
func (s *Store) DeleteCtx(ctx context.Context, token string) error {
	_, err := s.sessions.Delete(context.WithoutCancel(ctx), token)
	return err
}

// AllCtx fails with cryptomem.ErrNotSupported: no one can list sessions whose
// tokens are hidden from the server. So does scs's Iterate.
func (s *Store) AllCtx(context.Context) (map[string][]byte, error) {
	return nil, fmt.Errorf("scsstore: sessions cannot be listed, their tokens are hidden: %w", cryptomem.ErrNotSupported)
}

// Unopened returns how many sessions could not be opened so far.
func (s *Store) Unopened() uint64 { return s.sessions.Unopened() }

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

// All is AllCtx without a context.
func (s *Store) All() (map[string][]byte, error) {
	return s.AllCtx(context.Background())
}
