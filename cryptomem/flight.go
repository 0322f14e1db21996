package cryptomem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
)

// refreshSuffix, added to a key, names the lock under which one process reloads a
// stale value. The key itself cannot hold that lease: the stale value is there.
const refreshSuffix = "\x00cryptomem lease"

// errGoexit is the error of a load whose goroutine called runtime.Goexit.
var errGoexit = errors.New("loader ended its goroutine (runtime.Goexit)")

// A flight is a load under way and all who wait for it.
type flight struct {
	key    string
	cancel context.CancelFunc
	// Closed when value and err are set.
	loaded chan struct{}
	// Closed when storing the value has ended, too, successfully or not.
	done  chan struct{}
	value []byte
	err   error

	// The fields below belong to the flight's own goroutine.

	// The lease to give back; nil if none is held.
	lease *Lock
	// Swap the stale value instead of the lease.
	swap bool
	// Version of the stale value.
	version uint64
	// The store does not support leases.
	plain bool

	// The fields below are guarded by flights.mu.

	waiting    int
	background bool
	// The holder of the lease under the key.
	holder []byte
	// flights.leases when that lease was taken; 0 without one.
	since uint64
}

// flights are the loads under way that a caller may join, one per key.
type flights struct {
	mu    sync.Mutex
	byKey map[string]*flight
	// Number of leases taken so far.
	leases atomic.Uint64
}

// join returns the key's flight, starting one if needed. Each join needs a leave.
func (c *Client) join(ctx context.Context, l loading) (*flight, error) {
	c.flights.mu.Lock()
	defer c.flights.mu.Unlock()
	if f := c.flights.byKey[l.key]; f != nil && !f.void(&l) {
		f.waiting++
		return f, nil
	}
	f, ok := c.start(ctx, l, false)
	if !ok {
		return nil, ErrClosed
	}
	return f, nil
}

// void reports whether a caller must not join the flight: its value may have been
// invalidated before l asked the store, or it may end without a value because no
// caller waits for it. It requires flights.mu.
func (f *flight) void(l *loading) bool {
	invalid := f.since != 0 && l.began >= f.since && !bytes.Equal(l.holder, f.holder)
	return f.background || !l.unstored && invalid
}

// refresh starts a flight that no caller waits for, unless there is one.
func (c *Client) refresh(ctx context.Context, l loading) {
	c.flights.mu.Lock()
	defer c.flights.mu.Unlock()
	if c.flights.byKey[l.key] == nil {
		c.start(ctx, l, true)
	}
}

// start requires flights.mu. The flight has ctx's values but a life of its own:
// it ends with its last caller, or the client.
func (c *Client) start(ctx context.Context, l loading, background bool) (*flight, bool) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{
		key: l.key, cancel: cancel, waiting: 1, background: background,
		loaded: make(chan struct{}), done: make(chan struct{}),
	}
	ok := c.spawn(func() {
		defer cancel()
		defer context.AfterFunc(c.ctx, cancel)()
		defer c.release(context.WithoutCancel(ctx), f) // which no caller waits for
		defer c.land(f)
		defer func() {
			if p := recover(); p != nil {
				f.settle(nil, fmt.Errorf("load panicked: %v", p))
			}
		}()
		c.fly(ctx, f, &l)
	})
	if !ok {
		cancel()
		return nil, false
	}
	if c.flights.byKey == nil {
		c.flights.byKey = make(map[string]*flight)
	}
	c.flights.byKey[f.key] = f
	return f, true
}

// settle sets the flight's result; only the first call counts.
func (f *flight) settle(value []byte, err error) {
	if !isClosed(f.loaded) {
		f.value, f.err = value, err
		close(f.loaded)
	}
}

// land ends a flight, for whatever reason: later callers start another one.
func (c *Client) land(f *flight) {
	if f.lease != nil {
		c.leaving.add(f.lease.owner)
	}
	c.flights.mu.Lock()
	c.forget(f)
	c.flights.mu.Unlock()
	f.settle(nil, errGoexit)
	close(f.done)
}

// leave removes a caller; the last one cancels the flight.
func (c *Client) leave(f *flight) {
	c.flights.mu.Lock()
	defer c.flights.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.cancel()
		// no caller may join a flight that is being cancelled
		c.forget(f)
	}
}

// detach keeps later callers from joining the loads of these keys.
func (c *Client) detach(keys []string) {
	c.flights.mu.Lock()
	defer c.flights.mu.Unlock()
	for _, key := range keys {
		delete(c.flights.byKey, key)
	}
}

// forget requires flights.mu.
func (c *Client) forget(f *flight) {
	if c.flights.byKey[f.key] == f {
		delete(c.flights.byKey, f.key)
	}
}

// fly loads and stores the value, or waits for the process that does.
func (c *Client) fly(ctx context.Context, f *flight, l *loading) {
	if found, err := c.takeLease(ctx, f, l); err != nil {
		f.settle(nil, c.loadError(err))
		return
	} else if found.kind > leased {
		f.settle(found.result())
		return
	}
	stop := f.keepLease(ctx)
	value, ttl, err := runLoader(ctx, l)
	stop()
	f.settle(value, c.loadError(err))
	if f.lease == nil && !f.plain {
		return // the key may have changed meanwhile
	}
	var nothing absence
	switch {
	case err == nil:
		if ttl > 0 {
			ttl = add(ttl, l.stale)
		}
		c.storeLoaded(ctx, f, value, false, ttl)
	case errors.As(err, &nothing) && nothing.ttl > 0:
		c.storeLoaded(ctx, f, []byte(absenceNote), true, nothing.ttl)
	}
}

// loadError is err, or ErrClosed if the client's end caused it.
func (c *Client) loadError(err error) error {
	if c.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return ErrClosed
	}
	return err
}

// takeLease takes the key's lease for the flight, or returns what makes a load
// unnecessary. With neither, the flight loads without the store.
func (c *Client) takeLease(ctx context.Context, f *flight, l *loading) (lookup, error) {
	switch {
	case l.unstored:
		return lookup{}, nil
	case f.background:
		return c.takeRefresh(ctx, f, l)
	}
	lease, err := c.newLock(l.key)
	if err != nil {
		return lookup{}, err
	}
	lease.note = true
	var waitedFor []byte
	w := c.watch(l.key)
	defer w.end()
	for pause := firstLook; ; pause = min(2*pause, longestLook) {
		w.begin()
		found, err := c.tryLease(ctx, lease, l)
		switch {
		case err == nil:
			c.flights.mu.Lock()
			f.lease, f.holder, f.since = lease, lease.owner, c.flights.leases.Add(1)
			c.flights.mu.Unlock()
			return lookup{}, nil
		case found.kind > leased:
			return found, nil
		case ctx.Err() != nil:
			return lookup{}, ctx.Err()
		case !errors.Is(err, ErrLocked),
			// The load that this one waited for failed, and another took the lease
			// first. Do not wait a second time.
			waitedFor != nil && found.kind == leased && !bytes.Equal(waitedFor, found.holder):
			f.plain = errors.Is(err, ErrNotSupported)
			c.flights.mu.Lock()
			// without a lease, an invalidation would go unnoticed
			c.forget(f)
			c.flights.mu.Unlock()
			return lookup{}, nil
		case found.kind == leased:
			waitedFor = found.holder
		}
		if err := w.rest(ctx, pause); err != nil {
			return lookup{}, err
		}
	}
}

// tryLease takes the lease, or looks at what is under the key instead.
func (c *Client) tryLease(ctx context.Context, lease *Lock, l *loading) (found lookup, err error) {
	ctx, cancel := c.FallbackContext(ctx)
	defer cancel()
	err = lease.acquire(ctx, l.lease, func(get *operation) (bool, error) {
		found = l.see(get)
		return found.kind == vacant || found.kind == leased && c.leaving.has(found.holder), nil
	})
	return found, err
}

// takeRefresh makes this flight the only one, among all processes, that reloads
// the stale value, unless it has been reloaded by now.
func (c *Client) takeRefresh(ctx context.Context, f *flight, l *loading) (lookup, error) {
	ctx, cancel := c.FallbackContext(ctx)
	defer cancel()
	lock, err := c.TryLock(ctx, l.key+refreshSuffix, TTL(l.lease))
	if err != nil {
		return lookup{}, err
	}
	f.lease, f.swap = lock, true
	op, err := c.begin(CommandGetItem, l.key)
	if err != nil {
		return lookup{}, err
	}
	defer op.end()
	if err := c.do(ctx, op); err != nil {
		return lookup{}, err
	}
	f.version = op.Version
	found := l.see(op)
	if found.kind == stale {
		return lookup{}, nil
	}
	return lookup{kind: fresh}, nil // or there is nothing to reload
}

// keepLease renews the flight's lease until stop is called.
func (f *flight) keepLease(ctx context.Context) (stop func()) {
	if f.lease == nil {
		return func() {}
	}
	f.lease.KeepAlive(ctx)
	return f.lease.endRenewal
}

// storeLoaded swaps the loaded value in for the lease or the stale value. If that
// is gone, the key was changed meanwhile, and nothing is stored.
func (c *Client) storeLoaded(ctx context.Context, f *flight, value []byte, note bool, ttl time.Duration) {
	// Store it even if no caller waits any more: the work is done.
	ctx, cancel := c.FallbackContext(context.WithoutCancel(ctx))
	defer cancel()
	command, version := CommandSwap, f.version
	var err error
	switch {
	case f.plain:
		command = CommandSet
	case !f.swap:
		version, err = f.lease.version(ctx)
	}
	if err != nil {
		return // it is lost, or was observed
	}
	op, err := c.begin(command, f.key)
	if err != nil {
		return
	}
	defer op.end()
	op.Version = version
	if note {
		op.asNote()
	}
	if err := op.store(value, []StoreOption{TTL(ttl)}); err != nil {
		c.observeUnsent(ctx, command, err)
		return
	}
	if c.do(ctx, op) == nil && !f.swap {
		// the value has replaced it
		f.lease = nil
	}
}

// release gives back the flight's lease, if it still has one.
func (c *Client) release(ctx context.Context, f *flight) {
	if f.lease != nil {
		ctx, cancel := c.FallbackContext(ctx)
		defer cancel()
		// expires by itself if this fails
		_ = f.lease.Unlock(ctx)
	}
	if f.background {
		c.leave(f)
	}
}

// runLoader calls load and turns a panic into an error: in a goroutine that the
// caller did not start, it would end the process.
func runLoader(ctx context.Context, l *loading) (value []byte, ttl time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("loader panicked: %v", p)
		}
	}()
	v := &loaderOptions{ttl: l.ttl}
	value, err = l.load(context.WithValue(ctx, loaderOptionsKey{}, v))
	v.mu.Lock()
	defer v.mu.Unlock()
	return value, v.ttl, err
}

// sealedExpiry returns the expiry of the envelope that op was answered with.
func sealedExpiry(op *operation) (time.Time, error) { return sealing.Expiry(op.Answer) }
