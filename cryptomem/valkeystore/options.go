package valkeystore

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// Defaults of a Store.
const (
	// DefaultTimeout is how long a node may stay silent while it owes an answer.
	DefaultTimeout = 5 * time.Second

	// DefaultDialTimeout limits making one connection, handshakes included. It is
	// short, since the dial is retried and a cluster has other nodes.
	DefaultDialTimeout = time.Second

	// DefaultNearTTL is how long a near copy may be served at most when
	// nothing is heard of a change.
	DefaultNearTTL = 10 * time.Second

	// MaxNearTTL is the longest such time.
	MaxNearTTL = time.Minute

	// MinNearCache is the smallest budget of a near cache, in bytes.
	MinNearCache = 1 << 20

	// DefaultRefresh is how often a store asks for the topology. It also asks whenever
	// a node or a sentinel reports a change.
	DefaultRefresh = 5 * time.Second
)

// An Option changes how a Store works.
type Option func(*options) error

type options struct {
	prefix      string
	tls         *tls.Config
	timeout     time.Duration
	dialTimeout time.Duration
	refresh     time.Duration
	clock       clock.Clock
	// Bytes, 0 for no near cache.
	near    int64
	nearTTL time.Duration

	minBackoff, maxBackoff time.Duration
}

func newOptions(opts []Option) (options, error) {
	o := options{
		timeout: DefaultTimeout, dialTimeout: DefaultDialTimeout, refresh: DefaultRefresh, nearTTL: DefaultNearTTL,
		clock: clock.New(), minBackoff: cryptomem.DefaultMinBackoff, maxBackoff: cryptomem.DefaultMaxBackoff, //nolint:forbidigo // the default
	}
	var problems []error
	for _, opt := range opts {
		problems = append(problems, opt(&o))
	}
	return o, errors.Join(problems...)
}

// WithPrefix puts a prefix before every key, so that an ACL can tell this
// client's keys (~PREFIX*) and nothing else is ever flushed.
func WithPrefix(prefix string) Option {
	return func(o *options) error {
		o.prefix = prefix
		return nil
	}
}

// WithTLS speaks TLS with that configuration, whatever the address's scheme.
// Unless it names a server, each node's host is what its certificate must be for.
func WithTLS(config *tls.Config) Option {
	return func(o *options) error {
		if config == nil {
			return errors.New("WithTLS: no configuration")
		}
		o.tls = config.Clone()
		return nil
	}
}

// WithTimeout limits how long a node may stay silent while it owes an answer; its
// connection is then given up. Default: DefaultTimeout. The caller's context
// limits each call on top of that.
func WithTimeout(d time.Duration) Option {
	return func(o *options) error {
		o.timeout = d
		return positive("WithTimeout", d)
	}
}

// WithDialTimeout limits how long making a connection takes. Default:
// DefaultDialTimeout.
func WithDialTimeout(d time.Duration) Option {
	return func(o *options) error {
		o.dialTimeout = d
		return positive("WithDialTimeout", d)
	}
}

// WithRefresh sets how often the store asks for the topology of a cluster or of
// sentinels. A change that no node or sentinel reports goes unnoticed for that long at
// most. Default: DefaultRefresh.
func WithRefresh(d time.Duration) Option {
	return func(o *options) error {
		o.refresh = d
		return positive("WithRefresh", d)
	}
}

// WithNearCache keeps the sealed envelopes of frequently read names in this process,
// within that many bytes of memory for all connections. A read that finds its name
// there needs no server; its envelope is opened and checked like any other.
//
// Reads see this store's own writes at once. They see those of others once the server
// has reported them (CLIENT TRACKING), normally within a round trip, or after
// WithNearTTL if the server is stopped or cut off. A lost connection empties the cache.
// A value larger than a 256th of the budget is not kept.
func WithNearCache(bytes int64) Option {
	return func(o *options) error {
		o.near = bytes
		if bytes < MinNearCache {
			return fmt.Errorf("WithNearCache: %d bytes, at least %d", bytes, MinNearCache)
		}
		return nil
	}
}

// WithNearTTL sets how long a near copy may be served, counted from when it was
// requested, unless the server reports a change earlier. Default: DefaultNearTTL; at
// most MaxNearTTL.
func WithNearTTL(d time.Duration) Option {
	return func(o *options) error {
		o.nearTTL = d
		if d > MaxNearTTL {
			return fmt.Errorf("WithNearTTL: %v, at most %v", d, MaxNearTTL)
		}
		return positive("WithNearTTL", d)
	}
}

// WithBackoff sets the pauses before a request that was surely not applied is sent
// again. They double from first to longest, and up to half of each is random. Retries
// go on until the caller's deadline, or if there is none until the timeout has passed
// since the call began. If both are 0, the store does not retry. Defaults:
// cryptomem.DefaultMinBackoff, cryptomem.DefaultMaxBackoff.
func WithBackoff(first, longest time.Duration) Option {
	return func(o *options) error {
		o.minBackoff, o.maxBackoff = first, longest
		if first < 0 || longest < first {
			return fmt.Errorf("WithBackoff: %v to %v is no range of pauses", first, longest)
		}
		return nil
	}
}

// WithClock sets the clock for pauses and dial timeouts, in place of the real one. The
// timeouts of the network use the real clock.
func WithClock(clk clock.Clock) Option {
	return func(o *options) error {
		if clk == nil {
			return errors.New("WithClock: no clock")
		}
		o.clock = clk
		return nil
	}
}

func positive(name string, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%s: %v is not positive", name, d)
	}
	return nil
}
