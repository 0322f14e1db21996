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
	fence   uint64     // also the version by which the lock is swapped
	unsure  bool       // a swap's outcome is unknown, and with it the version
	expires time.Time
}

// TryLock takes the lock of that key for ttl, which must be positive. ErrLocked
// if somebody holds it.
func (c *Client) TryLock(ctx context.Context, key string, ttl time.Duration) (*Lock, error) {
	return c.tryLock(ctx, key, ttl, nil)
}

// tryLock is TryLock, which takes another operation along to the store.
func (c *Client) tryLock(ctx context.Context, key string, ttl time.Duration, along *entry) (*Lock, error) {
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
	claim, err := l.claim(ctx, ttl, along)
	if err != nil {
		return nil, err
	}
	switch {
	case claim.free:
		return l, l.swap(ctx, claim.version, ttl)
	case !bytes.Equal(claim.owner, l.owner):
		return nil, ErrLocked
	}
	l.fence, l.expires = claim.version, began.Add(ttl)
	return l, nil
}

// A claim is what is found under a lock's key.
type claim struct {
	owner   []byte
	version uint64
	free    bool // nobody's: given up, or past its sealed expiry
}

// claim tries to put this holder's mark where there is none, and returns what is
// there then, all in one go.
func (l *Lock) claim(ctx context.Context, ttl time.Duration, along *entry) (claim, error) {
	add, err := l.begin(CommandAdd)
	if err != nil {
		return claim{}, err
	}
	defer add.end()
	if err := add.store(l.owner, []StoreOption{TTL(ttl)}); err != nil {
		return claim{}, err
	}
	get, err := l.begin(CommandGetItem)
	if err != nil {
		return claim{}, err
	}
	defer get.end()
	entries := make([]entry, 0, 3)
	entries = append(entries, entry{op: add}, entry{op: get})
	if along != nil {
		entries = append(entries, *along)
	}
	l.client.doAll(ctx, entries)
	if along != nil {
		*along = entries[2]
	}
	err = entries[0].err
	if err != nil && !errors.Is(err, ErrExists) && !errors.Is(err, ErrMaybeApplied) {
		return claim{}, err
	}
	// Whether or not Add told: what is there now tells whose lock it is.
	found, err := l.found(get, entries[1].err)
	if errors.Is(err, ErrNotFound) {
		return claim{}, ErrLocked // it was, a moment ago
	}
	return found, err
}

// look returns what is under the lock's key.
func (l *Lock) look(ctx context.Context) (claim, error) {
	get, err := l.begin(CommandGetItem)
	if err != nil {
		return claim{}, err
	}
	defer get.end()
	return l.found(get, l.client.do(ctx, get))
}

// found returns what get was answered with.
func (l *Lock) found(get *operation, err error) (claim, error) {
	if err != nil {
		return claim{}, err
	}
	owner, err := get.open(nil)
	if err != nil && !errors.Is(err, ErrExpired) {
		return claim{}, err
	}
	return claim{owner: owner, version: get.Version, free: len(owner) == 0}, nil
}

func (l *Lock) begin(command Command) (*operation, error) {
	op, err := l.client.begin(command, l.key)
	if err == nil {
		op.Fenced = true
	}
	return op, err
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
	version, err := l.version(ctx)
	if err != nil {
		return err
	}
	if err := l.swap(ctx, version, ttl); errors.Is(err, ErrLocked) {
		return ErrNotHeld
	} else if err != nil {
		return err
	}
	return nil
}

// Unlock gives the lock up for others to take. ErrNotHeld if it was lost before.
func (l *Lock) Unlock(ctx context.Context) error {
	version, err := l.version(ctx)
	if err != nil {
		return err
	}
	// Swapped, not deleted: by now the lock might be somebody else's. An empty
	// value is free at once; the TTL is there to clean it away.
	_, err = l.put(ctx, nil, version, 1)
	if errors.Is(err, ErrChanged) || errors.Is(err, ErrNotFound) {
		return ErrNotHeld
	}
	return err
}

// version returns the version by which the lock is swapped: the last that this
// holder knows of, or, if it does not know how its last swap ended, what is there.
func (l *Lock) version(ctx context.Context) (uint64, error) {
	l.mu.Lock()
	fence, unsure := l.fence, l.unsure
	l.mu.Unlock()
	if !unsure {
		return fence, nil
	}
	held, err := l.look(ctx)
	if errors.Is(err, ErrNotFound) || err == nil && !bytes.Equal(held.owner, l.owner) {
		return 0, ErrNotHeld
	}
	return held.version, err
}

// swap makes the item of that version this holder's, for ttl. ErrLocked if
// somebody was faster.
func (l *Lock) swap(ctx context.Context, version uint64, ttl time.Duration) error {
	began := l.client.opts.clock.Now()
	fence, err := l.put(ctx, l.owner, version, ttl)
	if errors.Is(err, ErrChanged) || errors.Is(err, ErrNotFound) {
		return ErrLocked
	}
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fence, l.unsure, l.expires = fence, false, began.Add(ttl)
	return nil
}

// put swaps the value in for that of the version.
func (l *Lock) put(ctx context.Context, value []byte, version uint64, ttl time.Duration) (uint64, error) {
	op, err := l.begin(CommandSwap)
	if err != nil {
		return 0, err
	}
	defer op.end()
	op.Version = version
	if err := op.store(value, []StoreOption{TTL(ttl)}); err != nil {
		return 0, err
	}
	if err := l.client.do(ctx, op); err != nil {
		if errors.Is(err, ErrMaybeApplied) {
			l.mu.Lock()
			l.unsure = true
			l.mu.Unlock()
		}
		return 0, err
	}
	return op.Version, nil
}
