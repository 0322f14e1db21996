package cryptomem

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// When other clients keep changing an item between its reading and its swap, the
// pause before it is read once more doubles from firstRetry to longestRetry; half
// of it is random. The first time there is none.
const (
	firstRetry   = time.Millisecond
	longestRetry = 250 * time.Millisecond
)

// Update changes the value under the key and returns the new one: change gets
// what is there, or nil and false, and returns what is to be there. The value
// keeps its expiry unless an option says otherwise; a new one gets the client's
// TTL.
//
// If another client changes the value meanwhile, change is called again with what
// is there then, so it must do nothing but compute. That goes on until ctx ends,
// with an error that is also ErrChanged. An error of change ends Update, and
// leaves everything as it was. The updates of one client take turns on a key.
func (c *Client) Update(ctx context.Context, key string, change func(value []byte, found bool) ([]byte, error), opts ...StoreOption) ([]byte, error) {
	life, err := c.lifetime(opts)
	if err != nil {
		return nil, err
	}
	life.keep = life.keep || !life.given
	return c.update(ctx, key, life, change)
}

// Touch stores the value under the key anew, for as long as Set would store it;
// ErrNotFound if there is none. The expiry is part of the seal, so the value is
// fetched, sealed again and swapped in, as by Update. It stays as old as it was: a
// cut ends it all the same (see NotBefore).
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

// update takes the client's turn on the key and swaps in what change makes of the
// value, as often as it takes.
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
	// it is there, if only for the store
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

// keyLocks let one goroutine at a time change what is under a key: in one process it
// costs less to wait than to be too late.
type keyLocks struct {
	mu    sync.Mutex
	byKey map[string]*keyLock
}

type keyLock struct {
	// Holds one token while it is held.
	taken chan struct{}
	// Closed when there is nothing to wait for.
	broken chan struct{}

	// Who have it or wait for it; guarded by keyLocks.mu.
	users int
	// Broken is closed; guarded by keyLocks.mu.
	over bool
}

// acquire waits under ctx for the lock of key, which leave releases. The
// lock is nil for callers that need none: the store is out of reach, and they should
// not have to find that out one after the other.
func (t *keyLocks) acquire(ctx context.Context, key string) (*keyLock, error) {
	if err := ctx.Err(); err != nil {
		// also if the lock is free: select would toss a coin
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

// leave releases a lock, and with unavailable lets all who wait go ahead.
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
