package cryptomem

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"
)

// DefaultLease is for how long one process may load a value while the others
// wait, before it has to renew that right.
const DefaultLease = 10 * time.Second

// A Loader makes a value that the store does not have. Its context ends when no
// caller waits for the value any more or the client is closed; Close waits for the
// loader to return.
//
// A loader that finds nothing to load returns NotFoundFor. To set the value's TTL,
// it calls KeepFor.
type Loader func(ctx context.Context) ([]byte, error)

// A LoadOption changes how GetOrLoad works: Stale, Lease, and every StoreOption.
type LoadOption interface{ load(l *loading) }

type (
	staleOption  time.Duration
	leaseOption  time.Duration
	usableOption func(value []byte) bool
)

func (o staleOption) load(l *loading)  { l.stale = max(l.stale, time.Duration(o)) }
func (o leaseOption) load(l *loading)  { l.lease = time.Duration(o) }
func (o usableOption) load(l *loading) { l.usable = o }

// Stale keeps a value for d after its TTL. During that time callers get the stale
// value at once, while the first of them starts a reload in the background.
func Stale(d time.Duration) LoadOption { return staleOption(d) }

// Lease sets how long the other processes wait for a loading process that shows no
// sign of life. Default: DefaultLease. A load may take longer: its lease is renewed
// while it runs.
func Lease(d time.Duration) LoadOption { return leaseOption(d) }

// loading is the arguments and state of one GetOrLoad.
type loading struct {
	key               string
	life              []StoreOption
	ttl, stale, lease time.Duration
	load              Loader
	// Reports whether a value can be used; nil if every value can.
	usable func(value []byte) bool

	// The store has just failed: load without it.
	unstored bool
	// flights.leases before the store was asked.
	began uint64
	// The holder of the lease that the store then showed.
	holder []byte
}

// GetOrLoad returns the value under the key. If there is none, it calls load and
// stores the result, for the client's TTL unless TTL or KeepFor says otherwise.
//
// When many callers miss the key at the same time, one load runs. Callers of one
// client share it and its error; between processes, a lease in the store lets one
// load while the others wait for the value that it stores. If that load fails, the
// processes that waited load at once. A load is canceled when no caller waits for
// it any more.
//
// If any client sets, deletes or invalidates the key during a load, the loaded
// value may be out of date and is not stored. The callers that waited for it still
// get it, and the next call loads again.
//
// GetOrLoad works without the store: if the store cannot be read within
// WithFallbackTimeout, it calls load, and if the value cannot be stored, it returns
// it all the same; the observer is told. A stored value that cannot be opened, or
// decoded by Typed, counts as missing and is replaced. A panic of load, or
// runtime.Goexit in it, becomes an error.
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
	if _, l.ttl = life.from(c.opts.clock.Now()); l.ttl > 0 {
		// else TTLs from the sum come out too short
		l.stale = min(l.stale, math.MaxInt64-l.ttl)
	}
	if l.lease < 0 {
		return nil, fmt.Errorf("lease is %v, must be positive", l.lease)
	}
	found, err := c.look(ctx, &l)
	switch {
	case err == nil && found.kind == stale:
		c.refresh(ctx, l)
		return found.value, nil
	case err == nil && (found.kind == fresh || found.kind == absent):
		return found.result()
	case err != nil && (ctx.Err() != nil || errors.Is(err, ErrClosed) || c.err != nil):
		return nil, err
	}
	l.unstored, l.holder = err != nil, found.holder
	f, err := c.join(ctx, l)
	if err != nil {
		return nil, err
	}
	defer c.leave(f)
	select {
	case <-f.done:
	case <-ctx.Done():
		// else it is only being stored
		if !isClosed(f.loaded) {
			return nil, ctx.Err()
		}
	}
	return bytes.Clone(f.value), f.err
}

// Invalidate removes the values under the keys. Call it when the data that they
// were loaded from has changed. A missing value is not an error. Values that are
// being loaded are not stored, and later callers of this client do not share those
// loads, even if the store is out of reach and Invalidate returns an error.
func (c *Client) Invalidate(ctx context.Context, keys ...string) error {
	defer c.detach(keys)
	b := Batch{client: c, entries: make([]entry, 0, len(keys))}
	for _, key := range keys {
		b.Delete(key)
	}
	var problems []error
	for _, r := range b.Run(ctx) {
		if !errors.Is(r.Err, ErrNotFound) {
			problems = append(problems, r.Err)
		}
	}
	return errors.Join(problems...)
}

// look asks the store for the value.
func (c *Client) look(ctx context.Context, l *loading) (lookup, error) {
	op, err := c.begin(CommandGet, l.key)
	if err != nil {
		return lookup{}, err
	}
	defer op.end()
	ctx, cancel := c.FallbackContext(ctx)
	defer cancel()
	l.began = c.flights.leases.Load()
	asked := c.opts.clock.Now()
	err = c.do(ctx, op)
	// A shorter lease would be over before the store's answer is here.
	l.lease = max(l.lease, min(4*c.opts.clock.Since(asked), DefaultLease))
	if err == nil && op.Near {
		if found := l.see(op); found.kind == fresh || found.kind == absent {
			return found, nil
		}
		// a near copy cannot tell whether to load or to wait
		op.Fresh = true
		err = c.do(ctx, op)
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return lookup{}, nil
	case err != nil:
		return lookup{}, err
	}
	return l.see(op), nil
}

// A lookup is what a load finds in the store under a key.
type lookup struct {
	kind lookupKind
	// value is set if it is stale or fresh.
	value []byte
	// holder is set if there is a lease.
	holder []byte
}

type lookupKind uint8

const (
	vacant lookupKind = iota // nothing, or nothing usable
	leased                   // another client loads
	absent                   // there is nothing to load
	stale                    // a value whose TTL is over
	fresh
)

// result is what GetOrLoad makes of a lookup that needs no load.
func (s lookup) result() ([]byte, error) {
	if s.kind == absent {
		return nil, absence{}
	}
	return s.value, nil
}

// see interprets the answer to op.
func (l *loading) see(op *operation) lookup {
	value, err := op.open(nil)
	if err == nil && (l.usable == nil || l.usable(value)) {
		// The expiry is in the envelope, which open has just verified.
		expiry, err := sealedExpiry(op)
		if err == nil && !expiry.IsZero() && !op.client.opts.clock.Now().Before(expiry.Add(-l.stale)) {
			return lookup{kind: stale, value: value}
		}
		return lookup{kind: fresh, value: value}
	}
	switch note, err := op.openNote(); {
	case err == nil && len(note) == ownerSize:
		return lookup{kind: leased, holder: note}
	case err == nil && string(note) == absenceNote:
		return lookup{kind: absent}
	}
	return lookup{}
}

// KeepFor sets the TTL of the value that a loader returns, in place of the
// caller's; 0 means no expiry. A loader calls it with the context that it was
// given. Outside of a loader it does nothing.
func KeepFor(ctx context.Context, ttl time.Duration) {
	if v, ok := ctx.Value(loaderOptionsKey{}).(*loaderOptions); ok {
		v.mu.Lock()
		v.ttl = ttl
		v.mu.Unlock()
	}
}

// loaderOptions is what a loader sets for its value.
type loaderOptions struct {
	mu  sync.Mutex
	ttl time.Duration
}

type loaderOptionsKey struct{}

// NotFoundFor returns the error for a loader that finds nothing to load. For the
// ttl, which must be positive, GetOrLoad then returns an error that matches
// ErrNotFound without calling a loader. Set and Invalidate end that at once.
func NotFoundFor(ttl time.Duration) error { return absence{ttl} }

// absence is the error of NotFoundFor.
type absence struct{ ttl time.Duration }

func (absence) Error() string { return "not found by the loader" }
func (absence) Unwrap() error { return ErrNotFound }

// add returns the sum of two durations, or the longest there is.
func add(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
