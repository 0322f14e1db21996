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

// DefaultLease is for how long one process has the right to load a value while
// the others wait, before it has to say that it is still there.
const DefaultLease = 10 * time.Second

// A Loader makes the value that the store does not have. Its context ends when
// no caller waits for the value any more, or the client is closed; Close waits for
// it to return.
//
// A loader that finds nothing to load returns NotFoundFor. One that knows better
// than its caller for how long the value is good calls KeepFor.
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

// Stale keeps a value for d after its TTL. For that time callers still get it,
// at once, while one of them has it loaded anew in the background.
func Stale(d time.Duration) LoadOption { return staleOption(d) }

// Lease sets for how long the other processes wait for the one that loads when
// nothing is heard of it; default DefaultLease. A load may take longer: its
// lease is renewed for as long as it runs.
func Lease(d time.Duration) LoadOption { return leaseOption(d) }

// loading is what GetOrLoad was asked to do.
type loading struct {
	key               string
	life              []StoreOption
	ttl, stale, lease time.Duration
	load              Loader
	// Nil: every value is.
	usable func(value []byte) bool

	// The store has just failed: do without it.
	unstored bool
	// What flights.leases was before the store was asked.
	began uint64
	// Whose lease the store then showed.
	holder []byte
}

// GetOrLoad returns the value under the key. If there is none, it has load make
// one and stores it, for the client's TTL unless TTL or KeepFor says otherwise.
//
// However many callers miss the key at the same time, one load runs: within
// the client they share it, and between processes a lease in the store lets one
// go ahead while the others wait for what it stores. A load goes on until the
// last caller that waits for it is gone, and its error is everybody's. Who has
// waited for another process's load that came to nothing loads at once.
//
// A value is not stored if the key was set, deleted or invalidated while it was
// loaded, by whatever client: it may be older than that. Those who waited for it
// get it all the same, and the next call loads anew.
//
// The store is there to save work: when it cannot be read, for WithFallbackTimeout at
// the most, GetOrLoad loads all the same, and a loaded value that cannot be
// stored is returned all the same; the observer is told. What is stored and
// cannot be opened, or not be decoded by Typed, counts as missing and is
// replaced. A panic of load, or the end of its goroutine, becomes an error.
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

// Invalidate removes what is under the keys, and is content where there is
// nothing: it is what to call when what the values were made from has changed.
// Values that are being loaded are not stored, like after a Delete; and within
// this client, callers that come later do not share those loads, even if the
// store is out of reach, which is then the error.
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
	// No lease can be held that is over before word of it is here.
	l.lease = max(l.lease, min(4*c.opts.clock.Since(asked), DefaultLease))
	if err == nil && op.Near {
		if found := l.see(op); found.kind == fresh || found.kind == absent {
			return found, nil
		}
		// what is to be loaded, or waited for, is for the store to say
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
	// If stale or fresh.
	value []byte
	// If leased.
	holder []byte
}

type lookupKind uint8

const (
	vacant lookupKind = iota // nothing, or nothing of use
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

// see decides what the answer to op means.
func (l *loading) see(op *operation) lookup {
	value, err := op.open(nil)
	if err == nil && (l.usable == nil || l.usable(value)) {
		// The seal's word, not the server's, and open has just proved it.
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

// KeepFor, called by a loader with the context that it was given, sets the TTL
// of the value that it returns in place of the caller's; 0 means no expiry.
// Outside of a loader it does nothing.
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

// NotFoundFor is what a loader returns that finds nothing to load, so that this
// is remembered for the ttl, which must be positive: until then, GetOrLoad
// returns an error that matches ErrNotFound without calling a loader. Set and
// Invalidate end it at once.
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
