package cryptomem

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// DefaultFallbackTimeout is the default of WithFallbackTimeout.
const DefaultFallbackTimeout = time.Second

// WithFallbackTimeout sets how long a call waits for the store if its caller can
// do without it: GetOrLoad, the session stores and HTTP caches built on a client,
// and calls under a Client.FallbackContext. Default: DefaultFallbackTimeout. All
// other calls wait as long as WithTimeout and their contexts allow.
func WithFallbackTimeout(d time.Duration) Option {
	return func(o *options) error {
		o.fallbackTimeout = d
		return positive("WithFallbackTimeout", d)
	}
}

// errFallbackTimeout is the cause of a context that ended because the store took
// too long.
var errFallbackTimeout = errors.New("the store took longer than the fallback timeout")

// FallbackContext returns a context for one call whose caller can do without the
// store. It ends after WithFallbackTimeout; a call that it ends fails with
// ErrUnavailable and ErrTimeout. If the server sends nothing in that time, the
// client considers it out of reach: see ErrUnavailable.
func (c *Client) FallbackContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return c.within(ctx, c.opts.fallbackTimeout, errFallbackTimeout)
}

// within returns a context that ends with the cause after d, by the client's
// clock.
func (c *Client) within(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := c.opts.clock.AfterFunc(d, func() { cancel(cause) })
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}

// isFallbackTimeout reports whether ctx ended because the store took too long.
func isFallbackTimeout(ctx context.Context) bool {
	return errors.Is(context.Cause(ctx), errFallbackTimeout)
}

// tooSlow is the error of a call that the fallback timeout ended.
func tooSlow() error { return unavailable(fmt.Errorf("%w: %w", ErrTimeout, errFallbackTimeout)) }
