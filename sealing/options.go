package sealing

import (
	"fmt"
	"io"
	"time"

	"github.com/benbjohnson/clock"
)

const (
	// MaxNamespace is the limit of a namespace, in bytes: its length is one byte.
	MaxNamespace = 255

	// DefaultClockBound is by how much any two clocks may differ, unless
	// WithClockBound says otherwise. It is wider than DefaultSkew because a value
	// from beyond it is refused at once.
	DefaultClockBound = 5 * time.Second

	// DefaultSkew is how far past its expiry a value still opens, unless
	// WithSkew says otherwise: room for clocks that NTP keeps together.
	DefaultSkew = time.Second
)

// Option changes how a Sealer works. Sealers that share values need the same
// namespace, blind names and keys; padding and skew may differ.
type Option func(*config) error

type config struct {
	namespace  string
	padding    bool
	blindNames bool
	skew       int64 // milliseconds
	clockBound int64 // milliseconds
	notBefore  time.Time
	// Others are refused.
	stamped bool
	random  io.Reader
	clock   clock.Clock
}

// WithNamespace separates users of one keyring: values sealed in one namespace are
// not authentic in any other. Names on the wire begin with the namespace's length (1
// byte) and the namespace, which the server sees. It is at most MaxNamespace bytes.
// If it is empty or not given, the namespace is the one that the keyring was derived
// for, if any.
func WithNamespace(namespace string) Option {
	return func(c *config) error {
		if len(namespace) > MaxNamespace {
			return errNamespaceSize(namespace)
		}
		c.namespace = namespace
		return nil
	}
}

// WithPadding hides the exact length of values: up to 31 bytes all look the
// same, beyond that a value grows by at most 12.5%. Values open with
// or without this option, whichever way they were sealed.
func WithPadding() Option {
	return func(c *config) error { c.padding = true; return nil }
}

// WithBlindNames sends BlindNameSize bytes of HMAC-SHA256 in place of each name.
// The server still sees which blind name is used when. The keyring must have a
// name root.
func WithBlindNames() Option {
	return func(c *config) error { c.blindNames = true; return nil }
}

// WithSkew sets how far past its expiry a value still opens, which must cover the
// difference between the clocks of those who seal and those who open. A
// hostile server can serve a value this much too long. Whole milliseconds
// count; 0 is allowed.
func WithSkew(skew time.Duration) Option {
	return func(c *config) error {
		if skew < 0 {
			return fmt.Errorf("sealing: skew is %v, must not be negative", skew)
		}
		c.skew = skew.Milliseconds()
		return nil
	}
}

// WithClockBound sets by how much any two clocks of those who seal and open may
// differ. A value whose sealing time is further ahead of the opener's clock is
// ErrAhead, and a cut leaves this much room. Whole milliseconds count; 0 is
// allowed. Default: DefaultClockBound.
func WithClockBound(bound time.Duration) Option {
	return func(c *config) error {
		if bound < 0 {
			return fmt.Errorf("sealing: clock bound is %v, must not be negative", bound)
		}
		c.clockBound = bound.Milliseconds()
		return nil
	}
}

// WithNotBefore opens nothing that was sealed before t, as Sealer.SetNotBefore
// does.
func WithNotBefore(t time.Time) Option {
	return func(c *config) error { c.notBefore = t; return nil }
}

// WithStampedOnly opens no envelope without a sealing time: such is ErrUnstamped.
// Use it once the last writer of version 0xC1 is gone and what it wrote has
// expired.
func WithStampedOnly() Option {
	return func(c *config) error { c.stamped = true; return nil }
}

// WithRandom draws nonces from r in place of the operating system, so that a
// simulation can be replayed. If r ever repeats itself under one key, the values
// sealed so are open to everyone: never use it with keys that matter. Reads are
// made one at a time.
func WithRandom(r io.Reader) Option {
	return func(c *config) error { c.random = &lockedReader{r: r}; return nil }
}

// WithClock sets the clock that SubkeyLifetime is measured with. Default: the real one.
// Open gets the time from its caller.
func WithClock(clk clock.Clock) Option {
	return func(c *config) error { c.clock = clk; return nil }
}
