package adapter

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// A Counter counts by name in windows of time, as rate limiters do, exactly over
// all processes. While the store is away, each process counts for itself, and
// errors are reported: a limiter that stops everyone, or no one, would be worse
// than one that is generous. It is safe for concurrent use.
type Counter struct {
	store *Store
	local local
}

// NewCounter returns a counter on what the client seals. Two limiters with the
// same names need a WithPrefix each, or they count together.
func NewCounter(client *cryptomem.Client, opts ...Option) *Counter {
	return &Counter{store: New(client, opts...)}
}

// A Window is a time in which a Counter counts.
type Window struct {
	Start  time.Time
	Length time.Duration
}

// Window returns the current window of that length, which must be positive. All
// processes whose clocks agree have the same.
func (c *Counter) Window(length time.Duration) Window {
	return Window{c.store.Now().Truncate(length), length}
}

// End returns when the window is over.
func (w Window) End() time.Time { return w.Start.Add(w.Length) }

// Add adds n to what the name has in the window and returns the sum. That ctx
// ends, because a visitor has gone, does not stop it.
func (c *Counter) Add(ctx context.Context, name string, w Window, n int64) int64 {
	sum, err := c.add(context.WithoutCancel(ctx), w.item(name), n, 3*w.Length)
	if err != nil {
		c.store.Report(err)
		return c.local.add(name, w, n)
	}
	return sum
}

// Sum returns what the name has in the window.
func (c *Counter) Sum(ctx context.Context, name string, w Window) int64 {
	return c.Sums(ctx, name, w)[0]
}

// Sums returns what the name has in each of the windows, in one go.
func (c *Counter) Sums(ctx context.Context, name string, windows ...Window) []int64 {
	ctx, cancel := c.store.Bound(ctx)
	defer cancel()
	keys := make([]string, len(windows))
	unsettled := make([]error, len(windows))
	for i, w := range windows {
		keys[i] = c.store.Name(w.item(name))
		unsettled[i] = c.store.settle(ctx, keys[i])
	}
	results := c.store.client.GetMany(ctx, keys)
	sums := make([]int64, len(windows))
	for i, w := range windows {
		if unsettled[i] != nil {
			results[i].Err = unsettled[i]
		}
		sums[i] = c.sum(name, w, results[i])
	}
	return sums
}

// sum returns the number that is stored, or this process' own if the store is
// away.
func (c *Counter) sum(name string, w Window, r cryptomem.Result) int64 {
	switch {
	case c.store.Absent(r.Err):
		return 0
	case r.Err != nil:
		c.store.Report(r.Err)
		return c.local.add(name, w, 0)
	}
	sum, err := strconv.ParseInt(string(r.Value), 10, 64)
	if err != nil {
		c.store.Report(fmt.Errorf("a stored count is not a number: %w", err))
	}
	return sum
}

// Reset has the name begin at 0 in the window.
func (c *Counter) Reset(ctx context.Context, name string, w Window) error {
	c.local.reset(name, w)
	_, err := c.store.Forget(ctx, w.item(name))
	return err
}

// Unopened returns how many counts could not be opened so far. Each began anew.
func (c *Counter) Unopened() uint64 { return c.store.Unopened() }

// add increments what the name has, or begins anew if that cannot be opened.
func (c *Counter) add(ctx context.Context, name string, n int64, ttl time.Duration) (int64, error) {
	ctx, cancel := c.store.Bound(ctx)
	defer cancel()
	key := c.store.Name(name)
	if err := c.store.settle(ctx, key); err != nil {
		return 0, err
	}
	sum, err := c.store.client.Increment(ctx, key, n, cryptomem.TTL(ttl))
	if !Unopenable(err) {
		return sum, err
	}
	c.store.Absent(err) // which counts and reports it
	if _, err := c.store.remove(ctx, key); err != nil {
		return 0, err
	}
	return c.store.client.Increment(ctx, key, n, cryptomem.TTL(ttl))
}

// item returns the name of the item that counts a name in the window.
func (w Window) item(name string) string {
	return fmt.Sprintf("%d %d %s", w.Start.UnixMilli(), w.Length, name)
}

// maxLocal is how many counts a Counter keeps while the store is away. Further
// names are not counted.
const maxLocal = 1 << 16

// local are the counts of one process. Its zero value is empty.
type local struct {
	mu sync.Mutex
	// counts by the name of the item.
	counts map[string]localCount
	// swept is the time up to which old counts were removed.
	swept time.Time
}

type localCount struct {
	sum int64
	// When the next window is over as well, and the count is not asked for any more.
	end time.Time
}

// add adds n and returns the sum.
func (l *local) add(name string, w Window, n int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	item := w.item(name)
	count, ok := l.counts[item]
	if n == 0 {
		return count.sum
	}
	if l.swept.Before(w.Start) {
		l.sweep(w.Start)
	}
	if !ok && len(l.counts) >= maxLocal {
		return n
	}
	count.sum += n
	count.end = w.End().Add(w.Length)
	l.counts[item] = count
	return count.sum
}

// sweep drops the counts that are not asked for from now on. mu is held.
func (l *local) sweep(now time.Time) {
	if l.counts == nil {
		l.counts = make(map[string]localCount)
	}
	for item, c := range l.counts {
		if !c.end.After(now) {
			delete(l.counts, item)
		}
	}
	l.swept = now
}

func (l *local) reset(name string, w Window) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.counts, w.item(name))
}
