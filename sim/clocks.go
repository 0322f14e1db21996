package sim

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
)

// A wallClock is a user's clock on tiers 2 and 3: a script can step its wall
// clock, and what measures with it, by Since, does not notice. (A time.Time has
// room for a wall clock and a monotonic one, but only the runtime can set them
// apart. So each step has a location of its own, which tells Since
// how far the wall clock was off when the time was taken.)
type wallClock struct {
	clock.Clock
	// Guards everything below.
	mu    sync.Mutex
	step  time.Duration
	place *time.Location
	steps map[*time.Location]time.Duration
}

func newWallClock(clk clock.Clock) *wallClock {
	c := &wallClock{Clock: clk, steps: map[*time.Location]time.Duration{}}
	c.jump(0)
	return c
}

// jump steps the wall clock.
func (c *wallClock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step += d
	c.place = time.FixedZone("", 0)
	c.steps[c.place] = c.step
}

// Now is the wall clock.
func (c *wallClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Clock.Now().Add(c.step).In(c.place)
}

// Since is monotonic, for times that this clock's Now has returned.
func (c *wallClock) Since(t time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Clock.Now().Sub(t.Add(-c.steps[t.Location()]))
}

// A machineClock is the server's on tiers 2 and 3: it may run at a rate of its
// own, and while it starves, nothing that waits for a time gets its turn.
type machineClock struct {
	clock.Clock
	start time.Time
	// Parts per million.
	drift int64
	// Until when it starves, nanoseconds after start.
	idle atomic.Int64
	// If not 0, the time at which it stands, nanoseconds after start.
	still atomic.Int64
}

// stop makes the clock stand still, or go on.
func (c *machineClock) stop(still bool) {
	var at int64
	if still {
		at = int64(c.Clock.Since(c.start))
	}
	c.still.Store(at)
}

// Now is the server's time.
func (c *machineClock) Now() time.Time {
	t := int64(c.Clock.Since(c.start))
	if still := c.still.Load(); still != 0 {
		t = still
	}
	return c.start.Add(time.Duration(t + t/1_000_000*c.drift + t%1_000_000*c.drift/1_000_000))
}

// Since is the time that has passed by the server's clock.
func (c *machineClock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// AfterFunc calls f after d, later if the server starves then.
func (c *machineClock) AfterFunc(d time.Duration, f func()) *clock.Timer {
	t := c.Clock.AfterFunc(d, func() { c.whenFed(f) })
	if s, ok := c.Clock.(*scriptClock); ok {
		s.expect(t, d)
	}
	return t
}

func (c *machineClock) whenFed(f func()) {
	if left := time.Duration(c.idle.Load()) - c.Clock.Since(c.start); left > 0 {
		c.Clock.AfterFunc(left, func() { c.whenFed(f) })
		return
	}
	f()
}

// A scriptClock is what tier 3 takes for time when it plays a scenario: it
// stands still between one action of the script and the next, so that what
// expires does so when the script says and not when the machine is busy. Its
// timers are real ones, but those that are expected fire as soon as the script's time
// is theirs.
type scriptClock struct {
	clock.Clock
	start time.Time
	// Nanoseconds after start.
	now atomic.Int64

	// Guards expected.
	mu       sync.Mutex
	expected []expectedTimer
}

// An expectedTimer is due at a time of the script, in nanoseconds after its start.
type expectedTimer struct {
	*clock.Timer
	due int64
}

func newScriptClock() *scriptClock {
	real := clock.New() //nolint:forbidigo // of timers only
	return &scriptClock{Clock: real, start: real.Now()}
}

// advance makes it at least t after the start.
func (c *scriptClock) advance(t time.Duration) {
	if int64(t) <= c.now.Load() {
		return
	}
	c.now.Store(int64(t))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expected = slices.DeleteFunc(c.expected, func(e expectedTimer) bool {
		if e.due > int64(t) {
			return false
		}
		if e.Stop() { // it has neither fired nor been stopped
			e.Reset(0)
		}
		return true
	})
}

// expect has a timer, which was made to fire after d, fire when the script's time is d
// later, if that comes first.
func (c *scriptClock) expect(t *clock.Timer, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expected = append(c.expected, expectedTimer{t, c.now.Load() + int64(d)})
}

// Now is the script's time.
func (c *scriptClock) Now() time.Time { return c.start.Add(time.Duration(c.now.Load())) }

// Since is the script's time that has passed.
func (c *scriptClock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }
