// Package fiberstore is a storage for github.com/gofiber/fiber, versions 2 and
// 3: for its session, cache, csrf, idempotency and limiter middlewares.
//
//	app.Use(session.New(session.Config{Storage: fiberstore.New(client)}))
//
// The server sees no name of an item, as session identifiers let their bearers
// in. A value that cannot be opened, because its key was retired or it was
// altered, does not exist.
//
// Fiber's limiter counts with a read and a write that are one step within one
// process only; over several processes it lets some requests more through.
// Package ratecounter counts exactly.
package fiberstore

import (
	"context"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
)

// A Store implements fiber.Storage. It is safe for concurrent use.
type Store struct{ items *adapter.Store }

// New returns a storage of what the client seals. Give it a client with a
// namespace of its own, which is what Reset empties. The client stays the
// caller's to close.
func New(client *cryptomem.Client, opts ...adapter.Option) *Store {
	return &Store{adapter.New(client, opts...)}
}

// Conn returns the client beneath.
func (s *Store) Conn() *cryptomem.Client { return s.items.Client() }

// GetWithContext returns the value under the key; nil without an error if there
// is none that can be opened.
func (s *Store) GetWithContext(ctx context.Context, key string) ([]byte, error) {
	value, _, err := s.items.Get(ctx, key)
	return value, err
}

// SetWithContext stores the value under the key for exp, 0 meaning no expiry. An
// empty key or value is ignored, as fiber asks for.
func (s *Store) SetWithContext(ctx context.Context, key string, value []byte, exp time.Duration) error {
	if key == "" || len(value) == 0 {
		return nil
	}
	return s.items.Set(ctx, key, value, exp)
}

// DeleteWithContext removes the value under the key, if there is one.
func (s *Store) DeleteWithContext(ctx context.Context, key string) error {
	_, err := s.items.Delete(ctx, key)
	return err
}

// ResetWithContext removes everything in the client's namespace, or on the whole
// server if the client has none. The server has to be configured to allow that.
func (s *Store) ResetWithContext(ctx context.Context) error {
	ctx, cancel := s.items.Bound(ctx)
	defer cancel()
	_, err := s.Conn().Flush(ctx, "")
	return err
}

// Close does nothing: the client is its maker's to close.
func (s *Store) Close() error { return nil }

// Unopened returns how many values could not be opened so far.
func (s *Store) Unopened() uint64 { return s.items.Unopened() }

// Get is GetWithContext without a context.
func (s *Store) Get(key string) ([]byte, error) { return s.GetWithContext(context.Background(), key) }

// Set is SetWithContext without a context.
func (s *Store) Set(key string, value []byte, exp time.Duration) error {
	return s.SetWithContext(context.Background(), key, value, exp)
}

// Delete is DeleteWithContext without a context.
func (s *Store) Delete(key string) error { return s.DeleteWithContext(context.Background(), key) }

// Reset is ResetWithContext without a context.
func (s *Store) Reset() error { return s.ResetWithContext(context.Background()) }
