package adapter

import (
	"log/slog"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// DefaultTTL is how long a value is kept where the framework does not say.
const DefaultTTL = 24 * time.Hour

// An Option changes how a Store, and so an adapter, works.
type Option func(*options)

type options struct {
	ttl    time.Duration
	prefix string
	clock  cryptomem.Clock
	// logger is slog.Default if it is nil.
	logger  *slog.Logger
	onError func(error)
}

func defaults() options {
	return options{ttl: DefaultTTL, clock: clock.New(), onError: func(error) {}} //nolint:forbidigo // the default
}

// WithTTL keeps a value for ttl where the framework does not say for how long,
// in place of DefaultTTL; 0 means for good.
func WithTTL(ttl time.Duration) Option { return func(o *options) { o.ttl = ttl } }

// WithPrefix keeps this adapter's names apart from those of adapters with
// another prefix on the same client: for example one for each user whose private
// answers an HTTP cache keeps.
func WithPrefix(prefix string) Option { return func(o *options) { o.prefix = prefix } }

// WithClock tells the time in place of the real clock, to adapters that count in
// windows of time or are asked how much of it is left. Give it the client's.
func WithClock(clk cryptomem.Clock) Option { return func(o *options) { o.clock = clk } }

// WithLogger logs to l in place of slog.Default. So that an outage does not fill
// the log, it gets the 1st, 2nd, 4th, 8th … of each kind of event, with their
// number.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// WithErrorHandler has f told of every value that cannot be opened, and of every
// error that the framework has no way to take. f must be safe for concurrent
// use.
func WithErrorHandler(f func(error)) Option { return func(o *options) { o.onError = f } }
