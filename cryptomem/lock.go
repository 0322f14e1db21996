package cryptomem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// How a Lock is refused or lost.
var (
	// ErrLocked: somebody else holds the lock.
	ErrLocked = errors.New("locked by somebody else")

	// ErrNotHeld: the lock has expired, and others may have taken it since.
	ErrNotHeld = errors.New("lock is no longer held")
)

// While others hold a lock, or load a value, a caller looks again after a pause
// that doubles from firstLook to longestLook; half of it is random.
const (
	firstLook   = 5 * time.Millisecond
	longestLook = 250 * time.Millisecond
)

// A Lock is held by one client at a time, for a limited time. It is a value in
// the store that tells its holder, made by Add, prolonged and given up by
// CompareAndSwap; an empty one is free.
//
// A holder that is stopped for longer than the lock's time, by a pause of the
// machine or of the network, does not notice that others hold the lock now.
// Where that would do harm, whatever the lock protects has to refuse a Fence
// smaller than one it has seen. The server keeps locks in memory, may evict
// them, and forgets them when it restarts: a Lock saves work, and with its
// fence it is safe, but by itself it guarantees nothing.
//
// A Lock is safe for concurrent use.
type Lock struct {
	client *Client
	key    string
	owner  []byte

	mu      sync.Mutex // guards the rest
	fence   uint64
	expires time.Time
}

// TryLock takes the lock of that key for ttl, which must be positive. ErrLocked
// if somebody holds it.
func (c *Client) TryLock(ctx context.Context, key string, ttl time.Duration) (*Lock, error) {
	if ttl <= 0 {
		return nil, fmt.Errorf("ttl is %v, a lock's must be positive", ttl)
	}
	if c.err != nil {
		return nil, c.err
	}
	l := &Lock{client: c, key: key, owner: make([]byte, 16)}
	if _, err := io.ReadFull(c.opts.randomness(), l.owner); err != nil {
		return nil, fmt.Errorf("random owner of a lock: %w", err)
	}
	began := c.opts.clock.Now()
	err := c.Add(ctx, key, l.owner, TTL(ttl))
	if err != nil && !errors.Is(err, ErrExists) && !errors.Is(err, ErrMaybeApplied) {
		return nil, err
	}
	// Whether or not Add told: what is there now tells whose lock it is.
	item, err := c.GetItem(ctx, key)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, ErrLocked // it was, a moment ago
	case err != nil:
		return nil, err
	case len(item.Value) == 0:
		return l, l.swap(ctx, item.Version, ttl)
	case !bytes.Equal(item.Value, l.owner):
		return nil, ErrLocked
	}
	l.fence, l.expires = item.Version, began.Add(ttl)
	return l, nil
}

// Lock waits under ctx until it can take the lock of that key for ttl, which
// must be positive.
func (c *Client) Lock(ctx context.Context, key string, ttl time.Duration) (*Lock, error) {
	for look := firstLook; ; look = min(2*look, longestLook) {
		l, err := c.TryLock(ctx, key, ttl)
		if !errors.Is(err, ErrLocked) {
			return l, err
		}
		if err := c.rest(ctx, look); err != nil {
			return nil, err
		}
	}
}

// Fence returns a number greater than that of any earlier holder since the
// server was started. It grows when the lock is extended.
func (l *Lock) Fence() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fence
}

// Expires returns until when the lock is held at least, by the client's clock.
func (l *Lock) Expires() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.expires
}

// Extend holds the lock for ttl from now on. ErrNotHeld if it was lost; any
// other error leaves open which time counts.
func (l *Lock) Extend(ctx context.Context, ttl time.Duration) error {
	if ttl <= 0 {
		return fmt.Errorf("ttl is %v, a lock's must be positive", ttl)
	}
	item, err := l.held(ctx)
	if err != nil {
		return err
	}
	if err := l.swap(ctx, item.Version, ttl); errors.Is(err, ErrLocked) {
		return ErrNotHeld
	} else if err != nil {
		return err
	}
	return nil
}

// Unlock gives the lock up for others to take. ErrNotHeld if it was lost before.
func (l *Lock) Unlock(ctx context.Context) error {
	item, err := l.held(ctx)
	if err != nil {
		return err
	}
	// Swapped, not deleted: by now the lock might be somebody else's. An empty
	// value is free at once; the TTL is there to clean it away.
	_, err = l.client.CompareAndSwap(ctx, l.key, nil, item.Version, TTL(1))
	if errors.Is(err, ErrChanged) || errors.Is(err, ErrNotFound) {
		return ErrNotHeld
	}
	return err
}

// held returns the lock's item, provided that it is this holder's.
func (l *Lock) held(ctx context.Context) (Item, error) {
	item, err := l.client.GetItem(ctx, l.key)
	if errors.Is(err, ErrNotFound) || err == nil && !bytes.Equal(item.Value, l.owner) {
		return Item{}, ErrNotHeld
	}
	return item, err
}

// swap makes the item of that version this holder's, for ttl. ErrLocked if
// somebody was faster.
func (l *Lock) swap(ctx context.Context, version uint64, ttl time.Duration) error {
	began := l.client.opts.clock.Now()
	fence, err := l.client.CompareAndSwap(ctx, l.key, l.owner, version, TTL(ttl))
	if errors.Is(err, ErrChanged) || errors.Is(err, ErrNotFound) {
		return ErrLocked
	}
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fence, l.expires = fence, began.Add(ttl)
	return nil
}
