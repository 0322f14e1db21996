// Package server keeps the sealed values: it executes the protocol's requests on a
// bounded cache and serves them over any net.Conn. It has no keys and never sees a
// plain value.
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"net"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/session"
)

// ErrServerClosed is what Server.Serve returns after Shutdown or Close.
var ErrServerClosed = serve.ErrServerClosed

// Unlimited, in place of a limit or a timeout of a Config, switches it
// off.
const Unlimited = serve.Unlimited

// A Config says what a Server stores and which clients it serves. The zero value is a
// good server for a trusted network: every zero field means its default, and Unlimited
// (-1) switches a limit or a timeout off.
type Config struct {
	// Bound on everything the store holds, in bytes; default cache.DefaultMaxMemory().
	MaxMemory int64
	// Longest value of a request, in bytes; default 1 MiB.
	MaxValueSize int
	// Eviction is what a full store does.
	Eviction cache.Eviction
	// DefaultTTL for items stored without a TTL; default none.
	DefaultTTL time.Duration
	// Whether the FLUSH command is executed.
	AllowFlush bool
	// Whether the SCAN command, which lists names, is refused.
	NoScan bool

	// MaxConnections open at once; default 16,384.
	MaxConnections int
	// MaxConnectionsPerAddress of those, from one IPv4 address or IPv6 /64; default 12,288.
	MaxConnectionsPerAddress int
	// Bytes of incomplete requests and unread answers, over all connections; default
	// 256 MiB.
	MaxInFlight int64

	// FrameTimeout is for a request to arrive completely after its first byte; default
	// 30 s.
	FrameTimeout time.Duration
	// WriteTimeout for a client to take its answers; default 30 s.
	WriteTimeout time.Duration
	// IdleTimeout is for the next request to begin; default 10 min.
	IdleTimeout time.Duration
	// AuthTimeout is for a successful AUTH, if one is required; default 10 s.
	AuthTimeout time.Duration

	// Who may do what; nil lets everyone do everything.
	Authenticator Authenticator

	// Whether Stats shows the keys of the slowest and largest requests.
	RecordKeys bool
	// Sections returns what STATS reports beside "cache" and "server", by
	// section name: values that encoding/json can marshal. Nil means nothing.
	Sections func() map[string]any

	// Default: the real one.
	Clock clock.Clock
	// What makes system calls on sockets; default: the operating system.
	Kernel serve.Kernel
	// Default: none.
	Logger *slog.Logger
	// Places items in the store; default random, as strangers' keys need.
	HashKey *[16]byte
}

// A Server keeps items in memory and serves them over any net.Conn. It is safe
// for concurrent use.
//
//	s, err := server.New(server.Config{MaxMemory: 1 << 30})
//	listener, err := net.Listen("tcp", "localhost:8080")
//	go s.Serve(listener)
//	...
//	err = s.Shutdown(ctx)
type Server struct {
	cache     *cache.Cache
	handler   *Handler
	transport *serve.Server
	extra     func() map[string]any // Config.Sections
}

// New returns a Server with an empty store, its janitor running.
// Shutdown or Close ends both.
func New(c Config) (*Server, error) {
	if c.Clock == nil {
		c.Clock = clock.New() //nolint:forbidigo // the default
	}
	store, err := newCache(&c)
	if err != nil {
		return nil, err
	}
	if accountant, ok := c.Authenticator.(Accountant); ok {
		if err := accountant.OpenAccounts(store); err != nil {
			return nil, err
		}
	}
	s := &Server{cache: store, extra: c.Sections}
	s.handler = &Handler{Cache: store, DefaultTTL: c.DefaultTTL, AllowFlush: c.AllowFlush, NoScan: c.NoScan, Sections: s.sections}
	t := c.limits()
	t.NewHandler = func(conn net.Conn) session.Handler {
		if c.Authenticator == nil {
			return s.handler
		}
		return NewGuard(s.handler, c.Authenticator, conn)
	}
	t.Now = store.Now
	t.Clock = c.Clock
	t.Kernel = c.Kernel
	t.Logger = c.Logger
	t.MaxValueSize = c.MaxValueSize
	t.RecordKeys = c.RecordKeys
	s.transport = serve.NewServer(t)
	store.Start()
	return s, nil
}

// limits are those that can change while the server runs.
func (c *Config) limits() serve.ServerConfig {
	return serve.ServerConfig{
		MaxConnections:           c.MaxConnections,
		MaxConnectionsPerAddress: c.MaxConnectionsPerAddress,
		MaxInFlight:              c.MaxInFlight,
		FrameTimeout:             c.FrameTimeout,
		WriteTimeout:             c.WriteTimeout,
		IdleTimeout:              c.IdleTimeout,
		AuthTimeout:              c.AuthTimeout,
	}
}

// SetLimits replaces the limits of connections and memory in flight, and the timeouts,
// by those of c, where a zero field means its default; it ignores the rest of c. Open
// connections stay open; a new timeout applies from their next request on.
func (s *Server) SetLimits(c Config) { s.transport.SetLimits(c.limits()) }

func newCache(c *Config) (*cache.Cache, error) {
	if c.MaxMemory == 0 {
		c.MaxMemory = cache.DefaultMaxMemory()
	}
	if c.MaxValueSize == 0 {
		c.MaxValueSize = cache.DefaultMaxValueSize
	}
	if c.DefaultTTL < 0 {
		return nil, errors.New("default ttl is negative")
	}
	if c.HashKey == nil {
		c.HashKey = new([16]byte)
		// never fails
		_, _ = rand.Read(c.HashKey[:])
	}
	options := []cache.Option{
		cache.WithMaxMemory(c.MaxMemory),
		cache.WithMaxValueSize(c.MaxValueSize),
		cache.WithEviction(c.Eviction),
		cache.WithHashKey(*c.HashKey),
	}
	if _, ok := c.Authenticator.(Accountant); ok {
		options = append(options, cache.WithAccounts())
	}
	return cache.New(c.Clock, options...)
}

// Cache returns the server's store.
func (s *Server) Cache() *cache.Cache { return s.cache }

// Stats returns a snapshot of what connections did; the store has its own.
func (s *Server) Stats() serve.ServerStats { return s.transport.Stats() }

func (s *Server) sections() map[string]any {
	sections := make(map[string]any)
	if s.extra != nil {
		maps.Copy(sections, s.extra())
	}
	sections["server"] = s.transport.Stats()
	return sections
}

// Serve accepts connections from l, which it closes, until Shutdown or Close;
// then it returns ErrServerClosed. It may be called for several listeners.
func (s *Server) Serve(l net.Listener) error { return s.transport.Serve(l) }

// ServeConn serves one connection until it ends, and closes it.
func (s *Server) ServeConn(conn net.Conn) { s.transport.ServeConn(conn) }

// Shutdown stops accepting, lets each connection answer the requests that have arrived
// completely by then, closes it after the last answer, and stops the janitor. It waits
// for up to two seconds for clients to end their side. When ctx ends first, Shutdown
// cuts the remaining connections and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	return errors.Join(s.transport.Shutdown(ctx), s.cache.Close())
}

// Close is Shutdown without grace: every connection is cut at once.
func (s *Server) Close() error {
	return errors.Join(s.transport.Close(), s.cache.Close())
}
