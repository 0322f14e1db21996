package cryptomem

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// DefaultPatience is how long a load waits for the store before it does without.
const DefaultPatience = time.Second

// WithPatience sets how long those wait for the store who can do without it:
// GetOrLoad, the session stores and HTTP caches that stand on a client, and
// whoever uses Client.Patience. Default: DefaultPatience. All others wait for as
// long as WithTimeout and their own contexts allow.
func WithPatience(d time.Duration) Option {
	return func(o *options) error {
		o.patience = d
		return positive("WithPatience", d)
	}
}

// errImpatient is the cause of a context that ended because the store took too
// long.
var errImpatient = errors.New("patience with the store is over")

// Patience returns a context for one call that can do without the store. It ends
// after the time that WithPatience sets, and a call that it ends fails with
// ErrUnavailable and ErrTimeout. If not a byte has come from the server in that
// time, the server counts as out of reach: see ErrUnavailable.
func (c *Client) Patience(ctx context.Context) (context.Context, context.CancelFunc) {
	return c.within(ctx, c.opts.patience, errImpatient)
}

// within returns a context that ends after d, by the client's clock, for that
// cause.
func (c *Client) within(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := c.opts.clock.AfterFunc(d, func() { cancel(cause) })
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}

// impatient reports whether ctx ended because the store took too long.
func impatient(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errImpatient) }

// tooSlow is the error of a call whose caller was not that patient.
func tooSlow() error { return unavailable(fmt.Errorf("%w: %w", ErrTimeout, errImpatient)) }
