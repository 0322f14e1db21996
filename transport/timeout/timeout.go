// Package timeout ends contexts by a clock that is given.
//
//	ctx, cancel := timeout.Context(ctx, clk, 5*time.Second)
//	defer cancel()
//	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
//
// [context.WithTimeout] reads the clock of the system, which no spec can move.
package timeout

import (
	"context"
	"time"

	"github.com/benbjohnson/clock"
)

// Context returns a copy of parent that ends with [context.DeadlineExceeded] when
// limit has passed by clk, if it has not ended before. To call cancel frees what it
// holds.
//
// It shows its deadline only where that lies ahead for the system, too: package net
// compares deadlines with the system's clock, and would take one of a clock that is
// behind for over.
func Context(parent context.Context, clk clock.Clock, limit time.Duration) (ctx context.Context, cancel context.CancelFunc) {
	ctx, cancel = clk.WithTimeout(parent, limit)
	now := time.Now() //nolint:forbidigo // it is the system's clock that net will ask
	if at, ok := ctx.Deadline(); ok && !at.After(now) {
		ctx = discreet{ctx}
	}
	return ctx, cancel
}

// discreet is a context that ends, and does not say when.
type discreet struct{ context.Context }

func (discreet) Deadline() (time.Time, bool) { return time.Time{}, false }
