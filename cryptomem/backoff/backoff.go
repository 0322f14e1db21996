// Package backoff waits before something is tried once more.
package backoff

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/benbjohnson/clock"
)

// ErrEnded is what Rest returns when it is to wait no longer.
var ErrEnded = errors.New("ended while waiting")

// Rest waits for a random time between half of most and most, so that those who
// wait for the same thing do not come back at the same moment. It returns early
// with the error of ctx, or with ErrEnded once ended is closed; nil is never.
func Rest(ctx context.Context, clk clock.Clock, random io.Reader, ended <-chan struct{}, most time.Duration) error {
	if most < 2 {
		return nil
	}
	var b [8]byte
	// without randomness there is no jitter, which is no error
	_, _ = io.ReadFull(random, b[:])
	timer := clk.Timer(most/2 + time.Duration(binary.BigEndian.Uint64(b[:])%uint64(most/2)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-ended:
		return ErrEnded
	}
}
