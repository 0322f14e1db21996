package cryptomem

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sealing/freshness"
	"github.com/Zezezknight/cryptomem/transport/address"
	"github.com/Zezezknight/cryptomem/transport/pipeline"
)

// Defaults of a Client.
const (
	DefaultTimeout      = pipeline.DefaultSilence
	DefaultDialTimeout  = 5 * time.Second
	DefaultAttempts     = 3
	DefaultMinBackoff   = 20 * time.Millisecond
	DefaultMaxBackoff   = 250 * time.Millisecond
	DefaultMaxValueSize = pipeline.DefaultMaxAnswer
)

// An Option changes how a Client works. Keys come from WithKeyFile, WithSecret or
// WithKeyring, one of which is required; everything else has a default.
type Option func(*options) error

// Clock tells a Client the time.
type Clock = clock.Clock

// A DialFunc makes a connection to addr, as (*net.Dialer).DialContext does for
// the network that addr implies.
type DialFunc func(ctx context.Context, addr string) (net.Conn, error)

type options struct {
	clock   clock.Clock
	keyring *sealing.Keyring
	// The client made the keyring, and so closes it.
	ownKeyring bool
	// Key file to be read again when it changes; nil for none.
	keyFile         *keyFile
	sealing         []sealing.Option
	blindNames      bool
	ttl             time.Duration
	timeout         time.Duration
	dialTimeout     time.Duration
	fallbackTimeout time.Duration
	attempts        int
	minBackoff      time.Duration
	maxBackoff      time.Duration
	maxValueSize    int
	limits          pipeline.EngineLimits
	connections     int
	failover        Failover
	dial            DialFunc
	// dial makes the client's own sockets: there is no WithDialer.
	ownSockets bool
	tls        *tls.Config
	identity   string
	token      []byte
	random     io.Reader
	observer   Observer
	freshness  freshness.Config
	// forgetful is set by WithoutFreshness.
	forgetful bool
	// Write envelopes of version 0xC1.
	unstamped bool
	// Names of the given options that are about connections.
	connecting []string
}

// newOptions returns the options of a Client, which needs keys.
func newOptions(opts []Option) (*options, error) {
	o, err := applyOptions(opts)
	if err == nil && o.keyring == nil {
		err = errors.New("no keys: use WithKeyFile, WithSecret or WithKeyring")
	}
	return o, err
}

func applyOptions(opts []Option) (*options, error) {
	o := &options{
		clock:           clock.New(), //nolint:forbidigo // the default
		timeout:         DefaultTimeout,
		dialTimeout:     DefaultDialTimeout,
		fallbackTimeout: DefaultFallbackTimeout,
		attempts:        DefaultAttempts,
		minBackoff:      DefaultMinBackoff,
		maxBackoff:      DefaultMaxBackoff,
		maxValueSize:    DefaultMaxValueSize,
		connections:     1,
		dial:            address.Dial,
		ownSockets:      true,
	}
	var problems []error
	for _, opt := range opts {
		problems = append(problems, opt(o))
	}
	return o, errors.Join(problems...)
}

// WithSecret seals with keys derived from one secret of 32 random bytes.
func WithSecret(secret []byte) Option {
	return func(o *options) (err error) {
		o.keyring, err = sealing.KeyringFromSecret(secret)
		o.ownKeyring, o.keyFile = true, nil
		return err
	}
}

// WithKeyring seals with the keyring's primary key and opens with any enabled
// one. The keyring stays the caller's and may be closed once Dial has returned;
// see Rekey for a rotation.
func WithKeyring(kr *sealing.Keyring) Option {
	return func(o *options) error {
		if kr == nil {
			return errors.New("WithKeyring: no keyring")
		}
		o.keyring, o.ownKeyring, o.keyFile = kr, false, nil
		return nil
	}
}

// WithNamespace separates this client's keys from those of other namespaces, in the
// store and in the seal. It is at most sealing.MaxNamespace bytes.
func WithNamespace(namespace string) Option {
	return func(o *options) error {
		o.sealing = append(o.sealing, sealing.WithNamespace(namespace))
		return nil
	}
}

// WithBlindNames hides keys from the server, which sees a keyed hash instead. All
// clients that share values must use it, or none. See sealing.WithBlindNames.
func WithBlindNames() Option {
	return func(o *options) error {
		o.blindNames = true
		o.sealing = append(o.sealing, sealing.WithBlindNames())
		return nil
	}
}

// WithPadding hides the exact length of values. See sealing.WithPadding.
func WithPadding() Option {
	return func(o *options) error {
		o.sealing = append(o.sealing, sealing.WithPadding())
		return nil
	}
}

// WithSkew sets by how much the clocks of clients that share values may differ. See
// sealing.WithSkew.
func WithSkew(skew time.Duration) Option {
	return func(o *options) error {
		o.sealing = append(o.sealing, sealing.WithSkew(skew))
		return nil
	}
}

// WithDefaultTTL sets the TTL of values stored without one of their own. Default:
// 0, no expiry.
func WithDefaultTTL(ttl time.Duration) Option {
	return func(o *options) error {
		o.ttl = ttl
		return checkTTL(ttl)
	}
}

// WithTimeout limits how long the server may stay silent while a sent request is
// unanswered; the client then closes the connection. Default: DefaultTimeout, 5
// seconds. It does not limit a whole call, which takes at most a minute and ends
// with the caller's context.
func WithTimeout(d time.Duration) Option {
	return func(o *options) error {
		o.connecting = append(o.connecting, "WithTimeout")
		o.timeout = d
		return positive("WithTimeout", d)
	}
}

// WithDialTimeout limits how long making a connection takes, handshakes
// included. Default: DefaultDialTimeout.
func WithDialTimeout(d time.Duration) Option {
	return func(o *options) error {
		o.connecting = append(o.connecting, "WithDialTimeout")
		o.dialTimeout = d
		return positive("WithDialTimeout", d)
	}
}

// WithAttempts limits how often a call is tried when connections break, including
// the first attempt. A store that is a Retrier does not count its own. Default:
// DefaultAttempts.
func WithAttempts(n int) Option {
	return func(o *options) error {
		o.attempts = n
		return positive("WithAttempts", n)
	}
}

// WithBackoff sets the pause before connecting again after a failure. It doubles
// from first to longest with every further failure, and up to half of it is random,
// so that the clients of a restarted server do not return all at once. A connection
// that broke before it answered anything counts as a failure. Defaults:
// DefaultMinBackoff, DefaultMaxBackoff.
//
// During the pause, calls fail at once with ErrUnavailable. If both are 0, there is
// no pause, and each call tries to connect.
func WithBackoff(first, longest time.Duration) Option {
	return func(o *options) error {
		o.connecting = append(o.connecting, "WithBackoff")
		o.minBackoff, o.maxBackoff = first, longest
		if first < 0 || longest < first {
			return fmt.Errorf("WithBackoff: %v to %v is not a range of pauses", first, longest)
		}
		return nil
	}
}

// WithMaxValueSize sets the largest sealed value, in bytes, that is sent or
// accepted; sealing adds sealing.Overhead bytes to a value. Default: 1 MiB, the
// server's default.
func WithMaxValueSize(n int) Option {
	return func(o *options) error {
		o.maxValueSize = n
		return positive("WithMaxValueSize", n)
	}
}

// WithInFlight limits the unanswered requests on one connection, by number and by
// bytes. Callers wait for room until their contexts end. Defaults: 16,384 calls,
// 16 MiB.
func WithInFlight(calls, bytes int) Option {
	return func(o *options) error {
		o.connecting = append(o.connecting, "WithInFlight")
		o.limits.MaxCalls, o.limits.MaxBytes = calls, bytes
		return errors.Join(positive("WithInFlight calls", calls), positive("WithInFlight bytes", bytes))
	}
}

// WithConnections spreads calls over n connections. One, the default, batches best;
// more let a process use more cores for network I/O.
func WithConnections(n int) Option {
	return func(o *options) error {
		o.connecting = append(o.connecting, "WithConnections")
		o.connections = n
		return positive("WithConnections", n)
	}
}

// WithFailover lets the other servers of a ring stand in for one that was silent
// for pause, where values are then kept for standIn at most; see Failover, whose
// defaults are DefaultFailoverPause and DefaultStandIn. It needs a namespace and
// servers that allow FLUSH in it.
func WithFailover(pause, standIn time.Duration) Option {
	return func(o *options) error {
		o.connecting = append(o.connecting, "WithFailover")
		o.failover.Pause, o.failover.StandIn = pause, standIn
		return errors.Join(positive("WithFailover pause", pause), positive("WithFailover standIn", standIn))
	}
}

// WithDialer makes connections with dial, for example to one end of a
// net.Pipe. The default dials TCP, or a Unix socket for an address that begins
// with "unix:".
func WithDialer(dial DialFunc) Option {
	return func(o *options) error {
		o.connecting = append(o.connecting, "WithDialer")
		if dial == nil {
			return errors.New("WithDialer: no function")
		}
		o.dial, o.ownSockets = dial, false
		return nil
	}
}

// WithTLS uses TLS on every connection. Unless config names a server, the
// certificate must be for the host of the address.
func WithTLS(config *tls.Config) Option {
	return func(o *options) error {
		o.connecting = append(o.connecting, "WithTLS")
		if config == nil {
			return errors.New("WithTLS: no configuration")
		}
		o.tls = config.Clone()
		return nil
	}
}

// WithAuth authenticates every new connection with an identity and its token.
func WithAuth(identity string, token []byte) Option {
	return func(o *options) error {
		o.connecting = append(o.connecting, "WithAuth")
		o.identity, o.token = identity, append([]byte(nil), token...)
		if len(token) == 0 {
			return errors.New("WithAuth: the token is empty")
		}
		return nil
	}
}

// WithClock uses clk instead of the real clock.
func WithClock(clk Clock) Option {
	return func(o *options) error {
		if clk == nil {
			return errors.New("WithClock: no clock")
		}
		o.clock = clk
		return nil
	}
}

// WithRandom draws nonces and jitter from r, so that a simulation can be
// replayed. Never use it with keys that matter; see sealing.WithRandom.
func WithRandom(r io.Reader) Option {
	return func(o *options) error {
		if r == nil {
			return errors.New("WithRandom: no reader")
		}
		o.random = &serialReader{r: r}
		return nil
	}
}

func checkTTL(ttl time.Duration) error {
	if ttl < 0 {
		return fmt.Errorf("ttl is %v, must not be negative", ttl)
	}
	return nil
}

func positive[T int | time.Duration](name string, n T) error {
	if n <= 0 {
		return fmt.Errorf("%s: %v is not positive", name, n)
	}
	return nil
}
