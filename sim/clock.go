package sim

import (
	"time"

	"github.com/benbjohnson/clock"
)

// epoch is what every wall clock shows when a run begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A virtualClock shows the world's time, off by a step and running at a rate of
// its own. Only what reads time works; a timer would never fire, since tier 1
// has events for that.
type virtualClock struct {
	clock.Clock
	// The world's time, nanoseconds.
	now *int64
	// Parts per million.
	drift int64
	// step of the wall clock.
	step time.Duration
}

// elapsed is how much time this clock has seen pass.
func (c *virtualClock) elapsed() int64 { return c.reading(*c.now) }

// reading is elapsed at the world's time t.
func (c *virtualClock) reading(t int64) int64 {
	// In two parts, so that a long drifting run cannot overflow.
	return t + t/1_000_000*c.drift + t%1_000_000*c.drift/1_000_000
}

// when returns the first world time at which the clock has seen elapsed pass.
func (c *virtualClock) when(elapsed int64) int64 {
	t := elapsed - elapsed/(1_000_000+c.drift)*c.drift
	for c.reading(t) < elapsed {
		t++
	}
	for t > 0 && c.reading(t-1) >= elapsed {
		t--
	}
	return t
}

// Now is the wall clock.
func (c *virtualClock) Now() time.Time { return epoch.Add(time.Duration(c.elapsed()) + c.step) }

// Since is monotonic: steps of the wall clock do not show. t must be a reading
// from before any step.
func (c *virtualClock) Since(t time.Time) time.Duration {
	return epoch.Add(time.Duration(c.elapsed())).Sub(t)
}
