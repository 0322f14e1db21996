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
	// Saves that succeeded.
	Saves uint64 `json:"saves"`
	// Failures since the start.
	Failures uint64 `json:"failures"`
	// Saved is when the latest successful save ended.
	Saved time.Time `json:"saved,omitzero"`
	// Items in it.
	Items uint64 `json:"items"`
	// Bytes is the size of that file.
	Bytes int64 `json:"bytes"`
	// How long it took.
	Took time.Duration `json:"took_ns"`
	// Error of the latest attempt, if it failed.
	Error string `json:"error,omitempty"`
}

// A Keeper saves snapshots of a cache on a schedule.
type Keeper struct {
	path     string
	interval time.Duration
	cache    *cache.Cache
	clk      clock.Clock
	report   func(Saved, error)

	// ctx of scheduled saves; ends with Close.
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup

	// Held while a file is written: one at a time.
	saving sync.Mutex
	// Guards status.
	mu     sync.Mutex
	status Status
}

// NewKeeper returns a Keeper that saves c to path every interval once it is started; 0
// means only on Close. report is called with the outcome of each attempt; it may be
// nil.
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
				// reported, and there is a next time
				_ = k.Save(k.ctx)
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
		// broken off by Close, which saves itself
		return err
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
