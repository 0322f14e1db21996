package adapter

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// maxOwed is how many deletions a Store remembers that it still has to make;
// about 1 MB.
const maxOwed = 1 << 14

// Overwrite stores the value under the name, for a cache: whatever happens, this
// Store does not return the older value any more. If the new one cannot be
// stored, because it is too large or the store is away, the name is deleted; if
// that fails as well, the name is absent for this Store until the deletion has
// succeeded. Each of the two attempts has the Store's bound. That ctx ends does
// not keep Overwrite from deleting.
func (s *Store) Overwrite(ctx context.Context, name string, value []byte, ttl time.Duration) error {
	err := s.Set(ctx, name, value, ttl)
	if err != nil {
		// owed, if it fails
		_, _ = s.Forget(ctx, name)
	}
	return err
}

// Forget is Delete for a cache, whose value became invalid: it happens even if
// ctx has ended, and after an error the name is absent for this Store until the
// deletion has succeeded.
func (s *Store) Forget(ctx context.Context, name string) (found bool, err error) {
	key := s.Name(name)
	found, err = s.remove(context.WithoutCancel(ctx), key)
	if err != nil && !s.owed.add(key) {
		s.Report(fmt.Errorf("more than %d deletions are owed, one is given up: %w", maxOwed, err))
	}
	return found, err
}

// settle makes the deletion that is owed for the key, if there is one.
func (s *Store) settle(ctx context.Context, key string) error {
	if !s.owed.has(key) {
		return nil
	}
	_, err := s.remove(ctx, key)
	return err
}

// owed is a set of keys that are still to be deleted. Its zero value is empty.
type pendingDeletes struct {
	mu   sync.Mutex
	keys map[string]struct{}
}

func (o *pendingDeletes) has(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.keys[key]
	return ok
}

// add reports false if it had to drop another key for this one.
func (o *pendingDeletes) add(key string) (room bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	room = true
	if o.keys == nil {
		o.keys = make(map[string]struct{})
	}
	if _, ok := o.keys[key]; !ok && len(o.keys) >= maxOwed {
		room = false
		for other := range o.keys {
			delete(o.keys, other)
			break
		}
	}
	o.keys[key] = struct{}{}
	return room
}

func (o *pendingDeletes) paid(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.keys, key)
}
