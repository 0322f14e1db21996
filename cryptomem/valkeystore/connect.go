package valkeystore

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// keepAlive is the silence after which a connection is pinged.
const keepAlive = time.Second

// maxRedirections is how many MOVED and ASK one command follows.
const maxRedirections = 16

// ClientOption returns the options with which a store connects to the address, for
// making your own valkey.Client: for FromClient, or for commands that a store does
// not send. Near caches are not included.
func ClientOption(a Address, opts ...Option) (valkey.ClientOption, error) {
	s, err := New(a, opts...)
	if err != nil {
		return valkey.ClientOption{}, err
	}
	return clientOption(a, s.opts), nil
}

// clientOption returns how valkey-go is to connect. Each line below the dialer is
// there for a promise of the package comment.
func clientOption(a Address, o options) valkey.ClientOption {
	dialer := net.Dialer{Timeout: o.dialTimeout, KeepAlive: keepAlive}
	option := valkey.ClientOption{
		InitAddress: a.Hosts,
		Username:    a.User,
		Password:    a.Password,
		SelectDB:    a.Database,
		Dialer:      dialer,

		PipelineMultiplex: -1,   // one connection a node,
		BlockingPipeline:  -1,   // for large batches, too:
		AlwaysPipelining:  true, // what was sent first is applied first
		DisableRetry:      true, // only the client above knows what may be sent again
		DisableCache:      true,
		RingScaleEachConn: ringScale,
		ConnWriteTimeout:  o.timeout,
		ClientSetInfo:     valkey.DisableClientSetInfo, // a right less to grant

		ClusterOption: valkey.ClusterOption{ShardsRefreshInterval: o.refresh, MaxMovedRedirections: maxRedirections},
	}
	if a.TLS || o.tls != nil {
		option.TLSConfig = o.tls
		if o.tls == nil {
			option.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	}
	if a.Socket != "" {
		option.InitAddress, option.ForceSingleClient = []string{a.Socket}, true
	}
	if a.Sentinel != "" {
		option.Sentinel = valkey.SentinelOption{
			MasterSet: a.Sentinel, Username: a.SentinelUser, Password: a.SentinelPassword,
			Dialer: dialer, TLSConfig: option.TLSConfig, TopologyRefreshInterval: o.refresh,
		}
	}
	return option
}

// connecting is an attempt to connect that several callers may wait for.
type connecting struct {
	// Closed when the rest is set.
	done    chan struct{}
	backend *backend
	err     error
}

// connected returns the connected backend. valkey-go connects without a context,
// so a goroutine does it and the caller waits under its own.
func (s *Store) connected(ctx context.Context) (*backend, error) {
	if b := s.backend.Load(); b != nil {
		return b, nil
	}
	s.mu.Lock()
	if s.closed.Load() {
		s.mu.Unlock()
		return nil, cryptomem.ErrClosed
	}
	c := s.connecting
	if c == nil {
		c = &connecting{done: make(chan struct{})}
		s.connecting = c
		s.ended.Go(func() { s.connect(c) })
	}
	s.mu.Unlock()
	select {
	case <-c.done:
		return c.backend, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Store) connect(c *connecting) {
	n := newNetwork(s.opts.clock)
	// a near cache has to hear of changes even without calls
	if n.asides = s.near == nil; !n.asides {
		n.onLost = s.near.voidAll
	}
	option := s.client
	option.DialCtxFn = n.dial
	client, err := valkey.NewClient(option)
	if err != nil {
		if client != nil {
			client.Close()
		}
		c.err = s.unsent(err)
	} else {
		c.backend = newBackend(client, n, s.opts.prefix)
		s.backend.Store(c.backend)
	}
	s.mu.Lock()
	s.connecting = nil
	s.mu.Unlock()
	close(c.done)
}
