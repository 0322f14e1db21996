package cryptomem

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"sync"
)

// Increment adds delta to the integer under the key and returns the sum. The
// integer is stored as decimal digits, as in Redis; a missing one counts as 0. If
// the value is not an integer, or the sum overflows an int64, Increment returns an
// error and changes nothing.
//
// The options apply to a new counter only, so Increment(ctx, key, 1,
// TTL(time.Minute)) counts within a minute. An existing one keeps its expiry; use
// Touch to change that.
//
// Increments of one key that arrive while a swap is under way are combined into
// the next one. If ctx ends while the caller's is under way, the outcome is
// unknown: ErrMaybeApplied.
func (c *Client) Increment(ctx context.Context, key string, delta int64, opts ...StoreOption) (int64, error) {
	life, err := c.lifetime(opts)
	if err != nil {
		return 0, err
	}
	life.keep = true
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	in := &increment{ctx: ctx, delta: delta, life: life, done: make(chan struct{})}
	if !c.counters.join(c, key, in) {
		return 0, ErrClosed
	}
	select {
	case <-in.done:
		return in.sum, in.err
	case <-ctx.Done():
		return c.counters.withdraw(key, in)
	}
}

// An increment waits to be combined with others.
type increment struct {
	// The context of the waiting caller.
	ctx   context.Context
	delta int64
	life  lifetime
	// Nil while it waits; guarded by counters.mu.
	batch *increments

	// Closed when the following are set.
	done chan struct{}
	sum  int64
	err  error
}

// increments are those of one swap. Its context has the values of the first
// caller's, and ends when the last caller leaves or the client is closed.
type increments struct {
	all []*increment
	// Number of callers that still wait; guarded by counters.mu.
	waiting int
	ctx     context.Context
	cancel  context.CancelFunc
}

// counters are the waiting increments, by key. A key is present while a goroutine
// carries out its increments.
type counters struct {
	mu    sync.Mutex
	byKey map[string][]*increment
}

// join adds a waiting increment, and starts the key's goroutine if there is none.
// It reports false if the client is closed.
func (s *counters) join(c *Client, key string, in *increment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting, running := s.byKey[key]
	if !running && !c.spawn(func() { s.run(c, key) }) {
		return false
	}
	if s.byKey == nil {
		s.byKey = make(map[string][]*increment)
	}
	s.byKey[key] = append(waiting, in)
	return true
}

// withdraw takes back an increment whose caller's context has ended.
func (s *counters) withdraw(key string, in *increment) (int64, error) {
	s.mu.Lock()
	if in.batch == nil {
		waiting := s.byKey[key]
		if i := slices.Index(waiting, in); i >= 0 { // unless nextBatch has left it out
			s.byKey[key] = slices.Delete(waiting, i, i+1)
		}
		s.mu.Unlock()
		return 0, in.ctx.Err()
	}
	in.batch.waiting--
	last := in.batch.waiting == 0
	s.mu.Unlock()
	if last {
		in.batch.cancel()
		<-in.done
		switch {
		case in.err == nil:
			return in.sum, nil
		case !errors.Is(in.err, ErrMaybeApplied):
			return 0, fmt.Errorf("%w: %w", in.ctx.Err(), in.err)
		}
	}
	return 0, fmt.Errorf("%w: %w", ErrMaybeApplied, in.ctx.Err())
}

// run carries out the key's increments until none waits.
func (s *counters) run(c *Client, key string) {
	for {
		// so that callers which were just answered can join the next batch
		runtime.Gosched()
		batch := s.nextBatch(key)
		if batch == nil {
			return
		}
		batch.carryOut(c, key)
		batch.cancel()
		for _, in := range batch.all {
			close(in.done)
		}
	}
}

// nextBatch returns all that wait, or ends the key's goroutine with nil. It leaves out
// those whose context has ended, whose callers are about to withdraw them.
func (s *counters) nextBatch(key string) *increments {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.DeleteFunc(s.byKey[key], func(in *increment) bool { return in.ctx.Err() != nil })
	if len(all) == 0 {
		delete(s.byKey, key)
		return nil
	}
	s.byKey[key] = nil
	b := &increments{all: all, waiting: len(all)}
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(all[0].ctx))
	for _, in := range all {
		in.batch = b
	}
	return b
}

// carryOut swaps the batch's increments in.
func (b *increments) carryOut(c *Client, key string) {
	defer context.AfterFunc(c.ctx, b.cancel)()
	_, err := c.update(b.ctx, key, b.all[0].life, b.apply)
	for _, in := range b.all {
		if err != nil && in.err == nil {
			in.sum, in.err = 0, err
		}
	}
}

var errNoSums = errors.New("no increment of the batch can be added")

// apply adds the increments up; each has the sum that it leads to.
func (b *increments) apply(value []byte, found bool) ([]byte, error) {
	var sum int64
	if found {
		var err error
		if sum, err = strconv.ParseInt(string(value), 10, 64); err != nil {
			return nil, errors.New("value is not a whole number of 64 bits")
		}
	}
	changed := false
	for _, in := range b.all {
		in.sum, in.err = sum, nil
		if in.delta > 0 && sum > math.MaxInt64-in.delta || in.delta < 0 && sum < math.MinInt64-in.delta {
			in.sum, in.err = 0, fmt.Errorf("the sum of %d and %d does not fit in 64 bits", sum, in.delta)
			continue
		}
		sum += in.delta
		in.sum, changed = sum, true
	}
	if !changed {
		return nil, errNoSums
	}
	return strconv.AppendInt(nil, sum, 10), nil
}
