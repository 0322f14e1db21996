// Package timeout ends contexts after a time on an injected clock.
//
//	ctx, cancel := timeout.Context(ctx, clk, 5*time.Second)
//	defer cancel()
//	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
//
// [context.WithTimeout] uses the system's clock, which a spec cannot move.
package timeout

import (
	"context"
	"time"

	"github.com/benbjohnson/clock"
)

// Context returns a copy of parent that ends with [context.DeadlineExceeded] when
// limit has passed on clk, if it has not ended before. Calling cancel frees its
// resources.
//
// Its Deadline is hidden if it is in the past for the system's clock, with which
// package net compares deadlines: net would take the deadline of a clock that is
// behind to have passed.
func Context(parent context.Context, clk clock.Clock, limit time.Duration) (ctx context.Context, cancel context.CancelFunc) {
	ctx, cancel = clk.WithTimeout(parent, limit)
	now := time.Now() //nolint:forbidigo // it is the system's clock that net will ask
	if at, ok := ctx.Deadline(); ok && !at.After(now) {
		ctx = discreet{ctx}
	}
	return ctx, cancel
}

// discreet is a context that hides its deadline.
type discreet struct{ context.Context }

func (discreet) Deadline() (time.Time, bool) { return time.Time{}, false }
