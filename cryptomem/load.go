package cryptomem

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
)

// DefaultLease is for how long one process has the right to load a value while
// the others wait.
const DefaultLease = 10 * time.Second

// leaseSuffix makes a key into that of its lease.
const leaseSuffix = "\x00cryptomem lease"

// A Loader makes the value that the store does not have. Its context ends when
// nobody waits for the value any more, or the client is closed; Close waits for
// it to return.
type Loader func(ctx context.Context) ([]byte, error)

// A LoadOption changes how GetOrLoad works: Stale, Lease, and every StoreOption.
type LoadOption interface{ load(l *loading) }

type (
	staleOption time.Duration
	leaseOption time.Duration
)

func (o staleOption) load(l *loading) { l.stale = max(l.stale, time.Duration(o)) }
func (o leaseOption) load(l *loading) { l.lease = time.Duration(o) }

// Stale keeps a value for d after its TTL. For that time callers still get it,
// at once, while one of them has it loaded anew in the background.
func Stale(d time.Duration) LoadOption { return staleOption(d) }

// Lease sets for how long the other processes wait for the one that loads,
// before another one tries; default DefaultLease.
func Lease(d time.Duration) LoadOption { return leaseOption(d) }

// loading is what GetOrLoad was asked to do.
type loading struct {
	key               string
	life              []StoreOption
	ttl, stale, lease time.Duration
	load              Loader
	unstored          bool // the store has just failed: do without it
}

// GetOrLoad returns the value under the key. If there is none, it has load make
// one and stores it, for the client's TTL unless TTL says otherwise.
//
// However many callers miss the key at the same time, one load runs: within
// the client they share it, and between processes a lease in the store lets one
// go ahead while the others wait for what it stores. A load goes on until the
// last caller that waits for it is gone, and its error is everybody's.
//
// The store is there to save work: when it cannot be read, GetOrLoad loads all
// the same, and a loaded value that cannot be stored is returned all the same. A panic of
// load becomes an error.
func (c *Client) GetOrLoad(ctx context.Context, key string, load Loader, opts ...LoadOption) ([]byte, error) {
	l := loading{key: key, lease: DefaultLease, load: load}
	for _, o := range opts {
		o.load(&l)
	}
	l.lease = cmp.Or(l.lease, DefaultLease)
	life, err := c.lifetime(l.life)
	if err != nil {
		return nil, err
	}
	_, l.ttl = life.from(c.opts.clock.Now())
	if l.lease < 0 {
		return nil, fmt.Errorf("lease is %v, must be positive", l.lease)
	}
	value, fresh, err := c.getFresh(ctx, &l)
	switch {
	case err == nil && fresh:
		return value, nil
	case err == nil:
		c.refresh(ctx, l)
		return value, nil
	case ctx.Err() != nil, errors.Is(err, ErrClosed), c.err != nil:
		return nil, err
	}
	l.unstored = !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrNotAuthentic)
	f, err := c.join(ctx, l)
	if err != nil {
		return nil, err
	}
	defer c.leave(f)
	select {
	case <-f.done:
		return bytes.Clone(f.value), f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// getFresh returns the value under the key and whether its TTL, without the
// time it may be stale, is not over.
func (c *Client) getFresh(ctx context.Context, l *loading) (value []byte, fresh bool, err error) {
	op, err := c.begin(CommandGet, l.key)
	if err != nil {
		return nil, false, err
	}
	defer op.end()
	if err := c.do(ctx, op); err != nil {
		return nil, false, err
	}
	return op.openFresh(l.stale)
}

// openFresh returns the value that op found and whether its TTL, without the time
// it may be stale, is not over.
func (op *operation) openFresh(stale time.Duration) (value []byte, fresh bool, err error) {
	if value, err = op.open(nil); err != nil {
		return nil, false, err
	}
	// The seal's word, not the server's, and open has just proved it.
	expiry, err := sealing.Expiry(op.Answer)
	return value, expiry.IsZero() || op.client.opts.clock.Now().Before(expiry.Add(-stale)), err
}

// A flight is a load under way and all who wait for it.
type flight struct {
	key    string
	cancel context.CancelFunc
	done   chan struct{} // closed when value and err are set

	waiting int // guarded by flights.mu
	value   []byte
	err     error
}

// flights are the loads under way, one a key.
type flights struct {
	mu    sync.Mutex
	byKey map[string]*flight
}

// join returns the key's flight, after starting it if there is none. Each join
// needs its leave.
func (c *Client) join(ctx context.Context, l loading) (*flight, error) {
	c.flights.mu.Lock()
	defer c.flights.mu.Unlock()
	if f := c.flights.byKey[l.key]; f != nil {
		f.waiting++
		return f, nil
	}
	f, ok := c.start(ctx, l, false)
	if !ok {
		return nil, ErrClosed
	}
	return f, nil
}

// refresh starts a flight that nobody waits for, unless there is one.
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
	f := &flight{key: l.key, cancel: cancel, done: make(chan struct{}), waiting: 1}
	ok := c.spawn(func() {
		stop := context.AfterFunc(c.ctx, cancel)
		f.value, f.err = c.loadOnce(ctx, &l, background)
		stop()
		c.land(f)
		if background {
			c.leave(f)
		}
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

// land ends a flight: who comes from now on starts another one.
func (c *Client) land(f *flight) {
	c.flights.mu.Lock()
	if c.flights.byKey[f.key] == f {
		delete(c.flights.byKey, f.key)
	}
	c.flights.mu.Unlock()
	close(f.done)
}

// leave counts a caller out; the last one cancels the flight.
func (c *Client) leave(f *flight) {
	c.flights.mu.Lock()
	defer c.flights.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.cancel()
		if c.flights.byKey[f.key] == f {
			delete(c.flights.byKey, f.key) // nobody should join what is being cancelled
		}
	}
}

// loadOnce loads and stores the value under a lease, or waits for the process
// that has it.
func (c *Client) loadOnce(ctx context.Context, l *loading, background bool) ([]byte, error) {
	if l.unstored {
		return runLoader(ctx, l.load)
	}
	lease, value, err := c.takeLease(ctx, l)
	for look := firstLook; errors.Is(err, ErrLocked); look = min(2*look, longestLook) {
		switch {
		case value != nil:
			return value, nil
		case background:
			return nil, err // somebody else refreshes
		}
		if err := c.rest(ctx, look); err != nil {
			return nil, err
		}
		lease, value, err = c.takeLease(ctx, l)
	}
	if lease != nil && err == nil {
		defer func() { _ = lease.Unlock(context.WithoutCancel(ctx)) }() // expires by itself if this fails
	}
	if value != nil {
		return value, nil
	}
	value, err = runLoader(ctx, l.load)
	if err != nil {
		return nil, err
	}
	keep := l.ttl
	if keep > 0 {
		keep += l.stale
	}
	_ = c.Set(ctx, l.key, value, TTL(keep)) // the value is good all the same
	return value, nil
}

// takeLease tries to take the key's lease, and looks in the same go whether there is
// a fresh value by now: another process may have stored it since this one missed
// it, and released its lease.
func (c *Client) takeLease(ctx context.Context, l *loading) (*Lock, []byte, error) {
	op, err := c.begin(CommandGet, l.key)
	if err != nil {
		return nil, nil, err
	}
	defer op.end()
	get := entry{op: op}
	lease, err := c.tryLock(ctx, l.key+leaseSuffix, l.lease, &get)
	if get.err != nil {
		return lease, nil, err
	}
	if value, fresh, e := op.openFresh(l.stale); e == nil && fresh {
		return lease, value, err
	}
	return lease, nil, err
}

// runLoader calls load and makes an error of its panic, which would otherwise end
// the process from a goroutine that its caller knows nothing of.
func runLoader(ctx context.Context, load Loader) (value []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("loader panicked: %v", p)
		}
	}()
	return load(ctx)
}
