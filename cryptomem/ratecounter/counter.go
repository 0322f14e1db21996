// Package ratecounter counts requests for github.com/go-chi/httprate, exactly
// over all processes.
//
//	httprate.LimitBy(100, time.Minute, visitor, httprate.WithLimitCounter(ratecounter.New(client)))
//
// While the store is away, each process counts for itself. Give each limiter a
// counter of its own, with an adapter.WithPrefix where two limit the same keys.
package ratecounter

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
)

// A Counter implements httprate.LimitCounter. It is safe for concurrent use.
type Counter struct {
	counts *adapter.Counter
	// length of a window, in nanoseconds.
	length atomic.Int64
}

// New returns a counter on what the client seals. The client stays the caller's
// to close.
func New(client *cryptomem.Client, opts ...adapter.Option) *Counter {
	return &Counter{counts: adapter.NewCounter(client, opts...)}
}

// Config takes the length of the windows, as httprate says it when the limiter is
// made.
func (c *Counter) Config(_ int, window time.Duration) { c.length.Store(int64(window)) }

// Increment counts one request of the key in the window. It returns nil.
func (c *Counter) Increment(key string, window time.Time) error {
	return c.IncrementBy(key, window, 1)
}

// IncrementBy counts n requests of the key in the window. It returns nil.
func (c *Counter) IncrementBy(key string, window time.Time, n int) error {
	c.counts.Add(context.Background(), key, c.window(window), int64(n))
	return nil
}

// Get returns how many requests of the key there were in the two windows. Its
// error is nil.
func (c *Counter) Get(key string, current, previous time.Time) (now, before int, err error) {
	sums := c.counts.Sums(context.Background(), key, c.window(current), c.window(previous))
	return int(sums[0]), int(sums[1]), nil
}

// Unopened returns how many counts could not be opened so far. Each began anew.
func (c *Counter) Unopened() uint64 { return c.counts.Unopened() }

func (c *Counter) window(start time.Time) adapter.Window {
	return adapter.Window{Start: start, Length: time.Duration(c.length.Load())}
}
