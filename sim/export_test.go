package sim

import "github.com/benbjohnson/clock"

// NewBubbleClock returns the clock of tier 2 over a bubble's, and what makes it step.
func NewBubbleClock(of clock.Clock) (clk clock.Clock, step func()) {
	c := &bubbleClock{Clock: of}
	return c, c.step
}
