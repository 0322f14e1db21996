// Package gocachestore is a store for github.com/eko/gocache. It is a module of
// its own.
//
//	pages := cache.New[[]byte](gocachestore.New(client))
//
// Values are bytes or strings, and come back as what they were. Give any other
// type to gocache's marshaler.
//
// A value that cannot be opened, because its key was retired or it was altered,
// is not found. One that could not be replaced or deleted is not returned any
// more: its key is deleted, at once or before the next Get.
package gocachestore

import (
	"context"
	"fmt"
	"time"

	"github.com/eko/gocache/lib/v4/store"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
)

// Type is what GetType returns.
const Type = "cryptomem"

// A Store implements store.StoreInterface. It is safe for concurrent use.
type Store struct{ values *adapter.Store }

// New returns a store of what the client seals. A value that is set without
// store.WithExpiration is kept for adapter.WithTTL. Give it a client with a
// namespace of its own, which is what Clear empties. The client stays the
// caller's to close.
func New(client *cryptomem.Client, opts ...adapter.Option) *Store {
	return &Store{adapter.New(client, opts...)}
}

// Get returns the value under the key, a []byte or a string. The error matches
// store.NotFound and cryptomem.ErrNotFound if there is none, or if one of its
// tags was invalidated.
func (s *Store) Get(ctx context.Context, key any) (any, error) {
	name, err := valueName(key)
	if err != nil {
		return nil, err
	}
	sealed, found, err := s.values.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.open(ctx, sealed, found)
}

// GetWithTTL is Get, with the time that the value has left; 0 if it does not
// expire.
func (s *Store) GetWithTTL(ctx context.Context, key any) (any, time.Duration, error) {
	name, err := valueName(key)
	if err != nil {
		return nil, 0, err
	}
	item, found, err := s.values.Item(ctx, name)
	if err != nil {
		return nil, 0, err
	}
	value, err := s.open(ctx, item.Value, found)
	if err != nil || item.Expires.IsZero() {
		return value, 0, err
	}
	return value, item.Expires.Sub(s.values.Now()), nil
}

// Set stores the value, a []byte or a string, under the key. Of the options it
// heeds WithExpiration, WithTags and WithTagsTTL. After an error the key has no
// value.
func (s *Store) Set(ctx context.Context, key, value any, options ...store.Option) error {
	name, err := valueName(key)
	if err != nil {
		return err
	}
	o := store.ApplyOptions(options...)
	e := entry{}
	switch v := value.(type) {
	case []byte:
		e.value = v
	case string:
		e.value, e.text = []byte(v), true
	default:
		return fmt.Errorf("gocachestore: value is a %T, want []byte or string", value)
	}
	e.tags, err = s.mark(ctx, o.Tags, o.TagsTTL)
	if err != nil {
		// the older value must not stay
		_, _ = s.values.Forget(ctx, name)
		return err
	}
	ttl := o.Expiration
	if ttl == 0 {
		ttl = s.values.TTL()
	}
	return s.values.Overwrite(ctx, name, e.encode(), ttl)
}

// Delete removes the value under the key, if there is one. It happens even if ctx
// has ended.
func (s *Store) Delete(ctx context.Context, key any) error {
	name, err := valueName(key)
	if err != nil {
		return err
	}
	_, err = s.values.Forget(ctx, name)
	return err
}

// Clear removes everything in the client's namespace, or on the whole server if
// the client has none. The server has to be configured to allow that.
func (s *Store) Clear(ctx context.Context) error {
	ctx, cancel := s.values.Bound(ctx)
	defer cancel()
	_, err := s.values.Client().Flush(ctx, "")
	return err
}

// GetType returns Type.
func (s *Store) GetType() string { return Type }

// Unopened returns how many values could not be opened so far.
func (s *Store) Unopened() uint64 { return s.values.Unopened() }

// open returns what is in a sealed value, if its tags still count.
func (s *Store) open(ctx context.Context, sealed []byte, found bool) (any, error) {
	if !found {
		return nil, store.NotFoundWithCause(cryptomem.ErrNotFound)
	}
	e, err := decode(sealed)
	if err != nil {
		s.values.Report(err)
		return nil, store.NotFoundWithCause(cryptomem.ErrNotFound)
	}
	if current, err := s.current(ctx, e.tags); err != nil || !current {
		if err == nil {
			err = store.NotFoundWithCause(cryptomem.ErrNotFound)
		}
		return nil, err
	}
	if e.text {
		return string(e.value), nil
	}
	return e.value, nil
}

// valueName tells values from tags.
func valueName(key any) (string, error) {
	name, ok := key.(string)
	if !ok {
		return "", fmt.Errorf("gocachestore: key is a %T, want a string", key)
	}
	return "v" + name, nil
}
