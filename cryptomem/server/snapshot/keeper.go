package snapshot

import (
	"context"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cache"
)

// Status is how saving has gone so far.
type Status struct {
	Saves    uint64        `json:"saves"`           // that succeeded
	Failures uint64        `json:"failures"`        // since the start
	Saved    time.Time     `json:"saved,omitzero"`  // when the latest good one was done
	Items    uint64        `json:"items"`           // in it
	Bytes    int64         `json:"bytes"`           // its size
	Took     time.Duration `json:"took_ns"`         // how long it took
	Error    string        `json:"error,omitempty"` // of the latest attempt, if it failed
}

// A Keeper saves snapshots of a cache on a schedule.
type Keeper struct {
	path     string
	interval time.Duration
	cache    *cache.Cache
	clk      clock.Clock
	report   func(Saved, error)

	ctx    context.Context // of scheduled saves; ends with Close
	cancel context.CancelFunc
	done   sync.WaitGroup

	saving sync.Mutex // held while a file is written: one at a time
	mu     sync.Mutex // guards status
	status Status
}

// NewKeeper returns a Keeper that saves c to path every interval once it is
// started; 0 means only on Close. report is told how each attempt went; it may
// be nil.
func NewKeeper(path string, interval time.Duration, c *cache.Cache, clk clock.Clock, report func(Saved, error)) *Keeper {
	k := &Keeper{path: path, interval: interval, cache: c, clk: clk, report: report}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k
}

// Start begins the schedule. It must be called at most once.
func (k *Keeper) Start() {
	if k.interval <= 0 {
		return
	}
	ticker := k.clk.Ticker(k.interval)
	k.done.Go(func() {
		defer ticker.Stop()
		for {
			select {
			case <-k.ctx.Done():
				return
			case <-ticker.C:
				_ = k.Save(k.ctx) // reported, and there is a next time
			}
		}
	})
}

// Save saves a snapshot now.
func (k *Keeper) Save(ctx context.Context) error {
	k.saving.Lock()
	defer k.saving.Unlock()
	saved, err := Save(ctx, k.path, k.cache, k.clk)
	if ctx == k.ctx && ctx.Err() != nil && err != nil {
		return err // broken off by Close, which saves itself
	}
	k.mu.Lock()
	if err == nil {
		k.status = Status{
			Saves: k.status.Saves + 1, Failures: k.status.Failures,
			Saved: k.clk.Now(), Items: saved.Items, Bytes: saved.Bytes, Took: saved.Took,
		}
	} else {
		k.status.Failures++
		k.status.Error = err.Error()
	}
	k.mu.Unlock()
	if k.report != nil {
		k.report(saved, err)
	}
	return err
}

// Status returns how saving has gone so far.
func (k *Keeper) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status
}

// Close ends the schedule, breaks a save under way off, and saves a last time,
// until ctx ends.
func (k *Keeper) Close(ctx context.Context) error {
	k.cancel()
	k.done.Wait()
	return k.Save(ctx)
}
