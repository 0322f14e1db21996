package cache

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// sweepBatch is the janitor's budget per Sweep, in items.
const sweepBatch = 1 << 11

// stuckDelay is when to try again where renewed items cannot move out of an
// expired segment, because memory is full and nothing may be evicted.
const stuckDelay = time.Second

// janitor gives the memory of expired items back. It sleeps until the next
// deadline on the injected clock, and a write with an earlier one wakes it.
type janitor struct {
	// wake is the cache time of the next wake-up, MaxInt64 for none.
	wake atomic.Int64
	poke

	// mu guards stop and done.
	mu   sync.Mutex
	stop chan struct{}
	done chan struct{}
}

// due tells the janitor when an item expires; 0 means never.
func (j *janitor) due(now, expiry int64) {
	if expiry != 0 && bucketFor(now, expiry).end() < j.wake.Load() {
		j.signal()
	}
}

// poke wakes the janitor because something may be due. Its capacity is 1.
type poke chan struct{}

func (p poke) signal() {
	select {
	case p <- struct{}{}:
	// A signal is waiting already.
	default:
	}
}

// Start runs the janitor until Close. Starting twice is harmless. Without it
// items expire all the same; their memory comes back by Sweep or when writes
// need it.
func (c *Cache) Start() {
	j := &c.jan
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stop != nil {
		return
	}
	j.stop, j.done = make(chan struct{}), make(chan struct{})
	go c.clean(j.stop, j.done)
}

// Close stops the janitor and waits for it to end. The Cache may still be used.
func (c *Cache) Close() error {
	j := &c.jan
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stop != nil {
		close(j.stop)
		<-j.done
		j.stop = nil
	}
	return nil
}

func (c *Cache) clean(stop, done chan struct{}) {
	defer close(done)
	j := &c.jan
	for {
		// Every write may signal while the sweep runs: otherwise a deadline set
		// after the sweep passed it, and before the alarm is set, would be missed.
		j.wake.Store(math.MaxInt64)
		now := c.Now()
		next := c.Sweep(now, sweepBatch)
		if next != 0 && next <= now {
			select {
			case <-stop:
				return
			default:
				// Let other goroutines run, on a single processor too.
				runtime.Gosched()
				continue
			}
		}
		cancel := func() bool { return true }
		if next != 0 {
			j.wake.Store(next)
			cancel = c.clk.AfterFunc(time.Duration(next-now), j.signal).Stop
			// the clock moved between sweep and alarm
			if c.Now() >= next {
				j.signal()
			}
		}
		select {
		case <-stop:
			cancel()
			return
		case <-j.poke:
			cancel()
		}
	}
}

// Sweep reclaims expired items, looking at up to budget of them (0 or less
// means no limit), and gives back memory kept for large values that was not needed.
// It returns the cache time at which there will be more to do, 0 for never. A result
// at or before now means that the budget ran out first. The janitor calls it; a
// simulator may call it instead.
//
// Memory comes back when a deadline bucket ends: at most an eighth of its time to live
// after an item expired, or a quarter of a second if that is more. No lock is held for
// more than a few dozen microseconds at a time.
func (c *Cache) Sweep(now int64, budget int) (next int64) {
	if budget <= 0 {
		budget = math.MaxInt
	}
	for more := true; more && budget > 0; {
		more, next = false, math.MaxInt64
		for _, s := range c.shards {
			s.mu.Lock()
			walked, stuck := s.expire(now, min(budget, stepBatch))
			at := min(s.next, s.coolIdle(now))
			s.unlock()
			if stuck && !c.finish(now, s) {
				at = now + int64(stuckDelay)
			}
			budget -= walked
			next = min(next, at)
			more = more || at <= now
		}
	}
	if next == math.MaxInt64 {
		return 0
	}
	return next
}

// finish reclaims the rest of a shard's victim, with the reserve of the budget.
func (c *Cache) finish(now int64, s *shard) bool {
	c.reclaimMu.Lock()
	defer c.reclaimMu.Unlock()
	return c.reclaimFrom(now, s, segmentPages)
}
