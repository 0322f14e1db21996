package sim

import (
	"context"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"
)

// A bubbleClock is the clock of tier 2. Each step takes a nanosecond, and a bubble's own
// time passes only when all goroutines sleep, which costs more than most steps do. So
// this clock runs ahead of the bubble's while no timer is due. No goroutine can tell: a
// timer that is made meanwhile lasts longer by as much.
//
// Whatever fires at some time has to be made by this clock, or to be announced with
// expect.
type bubbleClock struct {
	// The bubble's own.
	clock.Clock
	// Nanoseconds. Changes only while all other goroutines are blocked.
	ahead atomic.Int64

	// Guards everything below.
	mu sync.Mutex
	// When timers are due, stopped ones too.
	due events
}

// Now is the bubble's time, and the steps since it passed.
func (c *bubbleClock) Now() time.Time { return c.Clock.Now().Add(c.lead()) }

func (c *bubbleClock) lead() time.Duration { return time.Duration(c.ahead.Load()) }

// Since is the time that has passed.
func (c *bubbleClock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// Until is the time that is to pass.
func (c *bubbleClock) Until(t time.Time) time.Duration { return t.Sub(c.Now()) }

// expect announces that something is due in d, and returns how long that is for the
// bubble.
func (c *bubbleClock) expect(d time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due.push(c.Now().Add(d).UnixNano(), 0, 0, nil)
	return d + c.lead()
}

// Timer fires after d.
func (c *bubbleClock) Timer(d time.Duration) *clock.Timer { return c.Clock.Timer(c.expect(d)) }

// After is the channel of a timer.
func (c *bubbleClock) After(d time.Duration) <-chan time.Time { return c.Clock.After(c.expect(d)) }

// AfterFunc calls f after d.
func (c *bubbleClock) AfterFunc(d time.Duration, f func()) *clock.Timer {
	return c.Clock.AfterFunc(c.expect(d), f)
}

// Sleep lasts for d.
func (c *bubbleClock) Sleep(d time.Duration) { c.Clock.Sleep(c.expect(d)) }

// WithTimeout returns a context that ends after d.
func (c *bubbleClock) WithTimeout(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return c.Clock.WithTimeout(parent, c.expect(d))
}

// WithDeadline returns a context that ends at t.
func (c *bubbleClock) WithDeadline(parent context.Context, t time.Time) (context.Context, context.CancelFunc) {
	return c.WithTimeout(parent, c.Until(t))
}

// Ticker panics: ticks are not announced to expect.
func (c *bubbleClock) Ticker(time.Duration) *clock.Ticker { panic("sim: tier 2 has no tickers") }

// Tick panics, too.
func (c *bubbleClock) Tick(time.Duration) <-chan time.Time { panic("sim: tier 2 has no tickers") }

// step lets a nanosecond pass, and waits for what is due then. All other goroutines
// must be blocked, and are so again.
func (c *bubbleClock) step() {
	if !c.isDue(c.Now().UnixNano() + 1) {
		c.ahead.Add(1)
		return
	}
	c.Clock.Sleep(time.Duration(c.ahead.Swap(0)) + 1)
	synctest.Wait()
}

// isDue reports whether something is due at a time, in nanoseconds, and forgets it.
func (c *bubbleClock) isDue(at int64) (is bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ; len(c.due.heap) > 0 && c.due.heap[0].at <= at; is = true {
		c.due.pop()
	}
	return is
}

// idle calls wait, which lets time pass. All other goroutines must be blocked.
func (c *bubbleClock) idle(wait func()) {
	from := c.Now()
	c.ahead.Store(0)
	wait()
	if left := from.Sub(c.Clock.Now()); left > 0 {
		// there was nothing to wait for
		c.ahead.Store(int64(left))
	}
}
