package cryptomem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Errors of a Lock.
var (
	// ErrLocked: another holder has the lock.
	ErrLocked = errors.New("locked by another client")

	// ErrNotHeld: the lock has expired, and others may have taken it since.
	ErrNotHeld = errors.New("lock is no longer held")
)

// While others hold a lock or load a value, a caller polls. Its pause doubles from
// firstLook to longestLook; half of it is random.
const (
	firstLook   = 5 * time.Millisecond
	longestLook = 250 * time.Millisecond
)

// A Lock is held by one holder at a time, for a limited time. It is a value in the
// store that names its holder. Add creates it, CompareAndSwap extends and releases
// it; an empty value is free.
//
// A holder that is paused for longer than the lock's time does not notice that
// another one holds the lock now. If that could do harm, the protected resource has
// to refuse any Fence smaller than one it has seen. The server keeps locks in
// memory, may evict them and forgets them when it restarts, so by itself a Lock
// saves work but guarantees nothing. A fence protects against pauses and delays,
// not against a dishonest server, which chooses the versions.
//
// A Lock is safe for concurrent use.
type Lock struct {
	client *Client
	key    string
	owner  []byte
	// It is the lease of a load.
	note bool
	// The mark of this owner is being given back: the next attempt needs another owner.
	givenBack bool

	// Guards the fields below.
	mu sync.Mutex
	// Fencing token, and the version for the next swap.
	fence uint64
	// The outcome of the last swap, and so the version, is unknown.
	unsure bool
	// Duration for which it was last taken or extended.
	ttl     time.Duration
	expires time.Time
	// renewal is nil unless KeepAlive was called.
	renewal *renewal
}

// TryLock takes the lock under the key for TTL or until ExpiresAt, else for the
// client's default TTL; it must expire. TryLock fails with ErrLocked if the lock is
// held; the error is an ErrNotAuthentic as well if this client cannot read the
// holder, as happens during a key rotation. It fails with ErrNotHeld if the lock
// expired before the store's answer arrived.
//
// If TryLock fails although the lock may have been taken, because ctx ended or the
// connection broke, the client releases it in the background.
func (c *Client) TryLock(ctx context.Context, key string, opts ...StoreOption) (*Lock, error) {
	ttl, err := c.lockTTL(opts)
	if err != nil {
		return nil, err
	}
	l, err := c.newLock(key)
	if err != nil {
		return nil, err
	}
	if err := l.acquire(ctx, ttl, l.isFree); err != nil {
		return nil, err
	}
	return l, nil
}

// Lock is like TryLock, but while the lock is held it waits until ctx ends.
func (c *Client) Lock(ctx context.Context, key string, opts ...StoreOption) (*Lock, error) {
	for look := firstLook; ; look = min(2*look, longestLook) {
		l, err := c.TryLock(ctx, key, opts...)
		if !errors.Is(err, ErrLocked) {
			return l, err
		}
		if err := c.rest(ctx, look); err != nil {
			return nil, err
		}
	}
}

// Fence returns the fencing token: a number greater than that of any earlier holder
// since the server was started. It grows when the lock is extended.
func (l *Lock) Fence() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fence
}

// Expires returns until when the lock is held, by the client's clock. The store may
// free it a little later.
func (l *Lock) Expires() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.expires
}

// lockTTL returns for how long those options hold a lock.
func (c *Client) lockTTL(opts []StoreOption) (time.Duration, error) {
	life, err := c.lifetime(opts)
	if err != nil {
		return 0, err
	}
	if life.keep {
		return 0, errors.New("KeepTTL: a lock does not take over an expiry")
	}
	if _, ttl := life.from(c.opts.clock.Now()); ttl > 0 {
		return ttl, nil
	}
	return 0, errors.New("a lock without a TTL would never end, and neither the call nor the client has one")
}

// Extend holds the lock for TTL from now or until ExpiresAt, else for the duration
// for which it was taken or last extended. It fails with ErrNotHeld if the lock was
// lost; after any other error the lock may or may not have been extended.
func (l *Lock) Extend(ctx context.Context, opts ...StoreOption) error {
	ttl := l.term()
	if len(opts) > 0 {
		var err error
		if ttl, err = l.client.lockTTL(opts); err != nil {
			return err
		}
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

// term returns for how long the lock was last taken or extended.
func (l *Lock) term() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ttl
}

// Unlock releases the lock and stops KeepAlive. It fails with ErrNotHeld if the
// lock was lost before.
func (l *Lock) Unlock(ctx context.Context) error {
	l.endRenewal()
	for looks := 0; ; looks++ {
		version, err := l.version(ctx)
		if err != nil {
			return err
		}
		// Swap and not delete: another holder may have the lock by now. An empty
		// value is free at once; the TTL only cleans up.
		_, err = l.put(ctx, nil, version, 1)
		changed := errors.Is(err, ErrChanged) || errors.Is(err, ErrNotFound)
		switch {
		case changed && looks < mostLooks && l.inDoubt(): // an Extend of unknown outcome may have arrived only now
		case changed:
			return ErrNotHeld
		default:
			return err
		}
	}
}

// mostLooks is how often Unlock retries when a delayed Extend has overtaken it.
const mostLooks = 3

// inDoubt reports whether the outcome of the last swap is unknown.
func (l *Lock) inDoubt() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unsure
}

// newLock returns a lock with a new owner, not held yet.
func (c *Client) newLock(key string) (*Lock, error) {
	if c.err != nil {
		return nil, c.err
	}
	l := &Lock{client: c, key: key}
	if err := l.drawOwner(); err != nil {
		return nil, err
	}
	return l, nil
}

// drawOwner gives the lock a new owner.
func (l *Lock) drawOwner() error {
	l.owner = make([]byte, ownerSize)
	if _, err := io.ReadFull(l.client.opts.randomness(), l.owner); err != nil {
		return fmt.Errorf("random owner of a lock: %w", err)
	}
	l.givenBack = false
	return nil
}

// errRaced: another client changed a free lock first.
var errRaced = fmt.Errorf("%w: it was faster", ErrLocked)

// acquire tries to store this holder's mark, in one round trip if nothing is there
// and in two if free says that the mark there may be replaced. It returns nil if
// the lock is held, and ErrLocked if the mark there is not free.
func (l *Lock) acquire(ctx context.Context, ttl time.Duration, free func(get *operation) (bool, error)) error {
	err := errRaced
	for attempt := 0; attempt < 3 && errors.Is(err, errRaced); attempt++ { // who was faster may have given it up
		err = l.takeOnce(ctx, ttl, free)
	}
	return err
}

func (l *Lock) takeOnce(ctx context.Context, ttl time.Duration, free func(get *operation) (bool, error)) error {
	if l.givenBack {
		if err := l.drawOwner(); err != nil {
			return err
		}
	}
	began := l.client.opts.clock.Now()
	add, err := l.beginMark(CommandAdd, l.owner, ttl)
	if err != nil {
		return err
	}
	defer add.end()
	get, err := l.begin(CommandGetItem)
	if err != nil {
		return err
	}
	defer get.end()
	entries := [...]entry{{op: add}, {op: get}}
	l.client.doAll(ctx, entries[:])
	added, err := entries[0].err, entries[1].err
	uncertain := errors.Is(added, ErrMaybeApplied)
	switch {
	case added != nil && !uncertain && !errors.Is(added, ErrExists):
		return added
	case err == nil && bytes.Equal(get.Answer, add.Value):
		// Even if the answer to Add was lost: this mark is what it sent.
		return l.taken(get.Version, began, ttl)
	case added == nil && errors.Is(err, ErrNotFound) && l.since(began) >= ttl:
		return late(ttl, l.since(began))
	case uncertain || added == nil && err != nil:
		l.giveBack(ttl)
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return errRaced
	case err != nil:
		return err
	}
	if ok, err := free(get); err != nil {
		return err
	} else if !ok {
		return ErrLocked
	}
	switch err = l.swap(ctx, get.Version, ttl); {
	case err == nil:
		return l.taken(l.Fence(), began, ttl)
	case errors.Is(err, ErrLocked):
		return errRaced
	case errors.Is(err, ErrMaybeApplied):
		l.giveBack(ttl)
	}
	return err
}

// taken makes the lock held from began on, unless it has expired already, since
// the round trip to the store may have taken longer.
func (l *Lock) taken(version uint64, began time.Time, ttl time.Duration) error {
	l.mu.Lock()
	l.fence, l.ttl, l.expires = version, ttl, began.Add(ttl)
	l.mu.Unlock()
	if took := l.since(began); took >= ttl {
		l.giveBack(ttl)
		return late(ttl, took)
	}
	return nil
}

func (l *Lock) since(began time.Time) time.Duration { return l.client.opts.clock.Since(began) }

// late is the error of a lock that has expired before it was there.
func late(ttl, took time.Duration) error {
	return fmt.Errorf("%w: its time of %v was over when it was taken, which took %v", ErrNotHeld, ttl, took)
}

// isFree reports whether get found a lock without a holder: given up, or past
// its sealed expiry.
func (l *Lock) isFree(get *operation) (bool, error) {
	owner, err := get.open(nil)
	switch {
	case errors.Is(err, ErrStale):
		return false, nil // the store does not say who holds it by now
	case errors.Is(err, ErrNotAuthentic):
		// maybe sealed under a key that this client does not have yet
		return false, fmt.Errorf("%w: %w", ErrLocked, err)
	case err != nil && !errors.Is(err, ErrNotFound):
		return false, err
	}
	return len(owner) == 0 || l.client.leaving.has(owner), nil
}

// giveBack releases in the background a lock that a failed attempt may have taken
// or may still take: a request sent over a connection that has broken can arrive
// after one that is sent over the next connection.
func (l *Lock) giveBack(ttl time.Duration) {
	c := l.client
	// by then it has expired
	over := c.opts.clock.Now().Add(ttl)
	c.leaving.add(l.owner)
	l.givenBack = true
	former := &Lock{client: c, key: l.key, owner: l.owner, note: l.note}
	c.spawn(func() {
		missing := 0
		for pause := firstLook; c.opts.clock.Now().Before(over); pause = min(2*pause, longestLook) {
			err := former.free()
			switch {
			case errors.Is(err, ErrNotFound):
				missing++
			case err == nil, errors.Is(err, ErrNotHeld):
				return
			}
			if missing == 3 || c.rest(context.Background(), pause) != nil {
				return
			}
		}
	})
}

// owners are the latest holders that have released their locks or are about to.
// For the client itself those locks are free already.
type owners struct {
	mu   sync.Mutex
	last [256][ownerSize]byte
	next int
}

func (o *owners) add(owner []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last[o.next%len(o.last)] = [ownerSize]byte(owner)
	o.next++
}

func (o *owners) has(owner []byte) bool {
	if len(owner) != ownerSize {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Contains(o.last[:], [ownerSize]byte(owner))
}

// free releases the lock in the store if this holder has it.
func (l *Lock) free() error {
	ctx, cancel := l.client.FallbackContext(context.Background())
	defer cancel()
	version, err := l.look(ctx)
	if err == nil {
		_, err = l.put(ctx, nil, version, 1)
	}
	if errors.Is(err, ErrChanged) {
		return ErrNotHeld
	}
	return err
}

// look returns the version of the mark under the lock's key. It fails with
// ErrNotFound if there is none and with ErrNotHeld if it is another holder's.
func (l *Lock) look(ctx context.Context) (uint64, error) {
	get, err := l.begin(CommandGetItem)
	if err != nil {
		return 0, err
	}
	defer get.end()
	if err := l.client.do(ctx, get); err != nil {
		return 0, err
	}
	owner, err := l.holder(get)
	if err != nil || !bytes.Equal(owner, l.owner) {
		return 0, ErrNotHeld
	}
	return get.Version, nil
}

// holder returns the owner in the mark that get found.
func (l *Lock) holder(get *operation) ([]byte, error) {
	if l.note {
		return get.openNote()
	}
	return get.open(nil)
}

// begin returns an operation on the lock's key.
func (l *Lock) begin(command Command) (*operation, error) {
	op, err := l.client.begin(command, l.key)
	if err == nil {
		op.Fenced = !l.note
	}
	return op, err
}

// beginMark returns an operation that stores a mark.
func (l *Lock) beginMark(command Command, mark []byte, ttl time.Duration) (*operation, error) {
	op, err := l.begin(command)
	if err != nil {
		return nil, err
	}
	if l.note {
		op.asNote()
	}
	if err := op.store(mark, []StoreOption{TTL(ttl)}); err != nil {
		op.end()
		return nil, err
	}
	return op, nil
}

// version returns the version for the next swap: the one of the last swap or, if
// the outcome of that is unknown, the one in the store.
func (l *Lock) version(ctx context.Context) (uint64, error) {
	l.mu.Lock()
	fence, unsure := l.fence, l.unsure
	l.mu.Unlock()
	if !unsure {
		return fence, nil
	}
	version, err := l.look(ctx)
	if errors.Is(err, ErrNotFound) {
		err = ErrNotHeld
	}
	return version, err
}

// swap replaces the item of that version by this holder's mark, for ttl. It fails
// with ErrLocked if another client was faster.
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
	l.fence, l.unsure, l.ttl, l.expires = fence, false, ttl, began.Add(ttl)
	return nil
}

// put swaps the mark in for the item of that version.
func (l *Lock) put(ctx context.Context, mark []byte, version uint64, ttl time.Duration) (uint64, error) {
	op, err := l.beginMark(CommandSwap, mark, ttl)
	if err != nil {
		return 0, err
	}
	defer op.end()
	op.Version = version
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
