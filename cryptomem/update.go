package cryptomem

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// When other clients keep changing an item between its read and its swap, the pause
// before the next read doubles from firstRetry to longestRetry; half of it is
// random. The first retry comes without a pause.
const (
	firstRetry   = time.Millisecond
	longestRetry = 250 * time.Millisecond
)

// Update replaces the value under the key by the result of change, and returns it.
// change gets the current value, or nil and false. The value keeps its expiry unless
// an option sets another; a new one gets the client's TTL.
//
// If another client changes the value meanwhile, change is called again with the new
// value, so it must have no side effects. That goes on until ctx ends; the error is
// then an ErrChanged as well. If change returns an error, Update returns it and
// changes nothing. Updates of one key by one client take turns.
func (c *Client) Update(ctx context.Context, key string, change func(value []byte, found bool) ([]byte, error), opts ...StoreOption) ([]byte, error) {
	life, err := c.lifetime(opts)
	if err != nil {
		return nil, err
	}
	life.keep = life.keep || !life.given
	return c.update(ctx, key, life, change)
}

// Touch gives the value under the key the expiry that Set would give it; ErrNotFound
// if there is no value. The expiry is part of the seal, so the value is fetched,
// sealed again and swapped in, as by Update. It keeps its sealing time, so a cut
// still applies to it (see NotBefore).
func (c *Client) Touch(ctx context.Context, key string, opts ...StoreOption) error {
	life, err := c.lifetime(opts)
	if err != nil {
		return err
	}
	life.resealed = true
	_, err = c.update(ctx, key, life, func(value []byte, found bool) ([]byte, error) {
		if !found {
			return nil, ErrNotFound
		}
		return value, nil
	})
	return err
}

// update waits for its turn on the key and swaps in the result of change, retrying
// until that succeeds.
func (c *Client) update(ctx context.Context, key string, life lifetime, change func(value []byte, found bool) ([]byte, error)) (_ []byte, failed error) {
	mine, err := c.updates.acquire(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { c.updates.leave(key, mine, errors.Is(failed, ErrUnavailable)) }()
	for pause := time.Duration(0); ; pause = min(max(2*pause, firstRetry), longestRetry) {
		value, lost, err := c.updateOnce(ctx, key, life, change)
		if !lost {
			return value, err
		}
		if err := c.rest(ctx, pause); err != nil {
			return nil, fmt.Errorf("%w, again and again: %w", ErrChanged, err)
		}
	}
}

// updateOnce reports whether another client was faster.
func (c *Client) updateOnce(ctx context.Context, key string, life lifetime, change func(value []byte, found bool) ([]byte, error)) (value []byte, lost bool, err error) {
	item, sealed, err := c.getItem(ctx, key)
	found := err == nil
	if !found && !errors.Is(err, ErrNotFound) {
		return nil, false, err
	}
	if found {
		life = life.kept(item.Expires)
		life.stamp = sealed
	}
	if value, err = change(item.Value, found); err != nil {
		return nil, false, err
	}
	// a version means that something is stored, even if it must not be used
	if item.Version != 0 {
		_, err = c.swap(ctx, key, value, item.Version, life)
		lost = errors.Is(err, ErrChanged) || errors.Is(err, ErrNotFound)
	} else {
		err = c.storeFor(ctx, CommandAdd, key, value, life)
		lost = errors.Is(err, ErrExists)
	}
	if err != nil {
		value = nil
	}
	return value, lost, err
}

// keyLocks let one goroutine at a time change the value under a key: within one
// process, waiting costs less than a failed swap.
type keyLocks struct {
	mu    sync.Mutex
	byKey map[string]*keyLock
}

type keyLock struct {
	// Holds one token while the lock is held.
	taken chan struct{}
	// Closed when the store is out of reach, so that callers stop waiting.
	broken chan struct{}

	// Number of holders and waiting callers; guarded by keyLocks.mu.
	users int
	// Broken is closed; guarded by keyLocks.mu.
	over bool
}

// acquire waits for the lock of key until ctx ends; leave releases it. The lock is
// nil if the store is out of reach, so that waiting callers all fail at once and not
// one after the other.
func (t *keyLocks) acquire(ctx context.Context, key string) (*keyLock, error) {
	if err := ctx.Err(); err != nil {
		// even if the lock is free: select would choose at random
		return nil, err
	}
	t.mu.Lock()
	u := t.byKey[key]
	if u == nil {
		if t.byKey == nil {
			t.byKey = make(map[string]*keyLock)
		}
		u = &keyLock{taken: make(chan struct{}, 1), broken: make(chan struct{})}
		t.byKey[key] = u
	}
	u.users++
	t.mu.Unlock()
	select {
	case u.taken <- struct{}{}:
		return u, nil
	case <-u.broken:
		t.drop(key, u)
		return nil, nil
	case <-ctx.Done():
		t.drop(key, u)
		return nil, ctx.Err()
	}
}

// leave releases a lock and, if unavailable, also lets all waiting callers go ahead.
func (t *keyLocks) leave(key string, u *keyLock, unavailable bool) {
	if u == nil {
		return
	}
	if unavailable {
		t.mu.Lock()
		if !u.over {
			u.over = true
			close(u.broken)
		}
		if t.byKey[key] == u {
			delete(t.byKey, key)
		}
		t.mu.Unlock()
	}
	<-u.taken
	t.drop(key, u)
}

func (t *keyLocks) drop(key string, u *keyLock) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u.users--; u.users == 0 && t.byKey[key] == u {
		delete(t.byKey, key)
	}
}
