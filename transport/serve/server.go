// Package serve runs sessions on sockets: it accepts connections, reads and
// writes them, holds them to limits and deadlines, and drains them when
// it shuts down. It never looks into a frame.
package serve

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// Defaults of a ServerConfig.
const (
	DefaultMaxConnections = 16_384
	// DefaultMaxConnectionsPerAddress is three quarters of all, so that no address can
	// take every place.
	DefaultMaxConnectionsPerAddress = 12_288
	DefaultMaxInFlight              = 256 << 20
	DefaultFrameTimeout             = 30 * time.Second
	DefaultWriteTimeout             = 30 * time.Second
	DefaultIdleTimeout              = 10 * time.Minute
	DefaultAuthTimeout              = 10 * time.Second
)

// Unlimited, in place of a limit or a timeout, switches it off.
const Unlimited = -1

// ErrServerClosed is what Serve returns after Shutdown or Close.
var ErrServerClosed = errors.New("server is closed")

// A ServerConfig says how a Server treats connections. NewHandler and Clock
// must be set; every other zero field means its default, and Unlimited (-1)
// switches a limit or a timeout off.
type ServerConfig struct {
	// NewHandler returns what executes one connection's requests. The Server calls it
	// once per connection, after any TLS handshake, and uses the handler from one
	// goroutine. A handler may also be a Gate, an AuthHandler (the connection is then
	// held to AuthTimeout), a Terminator, or an io.Closer (it is then closed with its
	// connection).
	NewHandler func(net.Conn) session.Handler
	// NewSession, in place of NewHandler, serves another protocol than cryptomem's. It
	// is called as NewHandler is. For a connection over the limits it is also called,
	// with the refusal that answers the first request; refusal is nil otherwise. A
	// session may also be an AuthHandler, and may end its connection with
	// session.ErrEnded.
	NewSession func(conn net.Conn, refusal *wire.Refusal) Session
	// Blocking says that sessions may wait for something other than their
	// connection. Each connection then has a goroutine of its own.
	Blocking bool
	// Now returns the time that Handle receives, in nanoseconds and always
	// positive. The default counts from NewServer on Clock.
	Now   func() int64
	Clock clock.Clock
	// Kernel is the operating system by default.
	Kernel Kernel
	// Logger may be nil, to log nothing.
	Logger *slog.Logger

	// MaxValueSize is the largest value of a request, in bytes.
	MaxValueSize int

	// MaxConnections is how many connections may be open at once.
	MaxConnections int
	// MaxConnectionsPerAddress is how many of those may be from one IPv4 address or one
	// IPv6 /64 network.
	MaxConnectionsPerAddress int
	// MaxInFlight is how many bytes large requests that are arriving and answers that are
	// not read may hold, over all connections.
	MaxInFlight int64

	// FrameTimeout is how long a request may take from its first byte to its last, and a
	// TLS handshake.
	FrameTimeout time.Duration
	// WriteTimeout is how long the client may take to accept a batch of answers.
	WriteTimeout time.Duration
	// IdleTimeout is how long a connection may wait for its next request to begin.
	IdleTimeout time.Duration
	// AuthTimeout is how long the client of an AuthHandler may take to authenticate, from
	// the start of the connection.
	AuthTimeout time.Duration

	// RecordKeys makes Stats report the keys of the slowest and largest requests.
	RecordKeys bool
}

// An AuthHandler is a Handler or Session whose client has to authenticate. Until it
// has, the whole connection is held to AuthTimeout.
type AuthHandler interface {
	Authenticated() bool
}

// A Session is the protocol on one connection: received bytes go in, answers
// come out. A *session.Session is one, and documents each method.
type Session interface {
	Buffer() []byte
	Received(n int)
	Execute(now int64) error
	ExecuteQuick(now int64) (all bool, err error)
	Pending() net.Buffers
	Unsent() int
	Sent(n int)
	Hold() bool
	Measure(began, ended int64)
	Begun() (since int64, ok bool)
	Abort(reason error)
	Release()
	Close()
}

// A Server serves sessions on connections: it accepts, holds each connection
// to its limits and deadlines, and drains them on Shutdown. It takes any
// net.Conn: TCP, TLS, Unix, net.Pipe. Plain sockets that wait for a request
// cost no goroutine where the system can poll them (Linux).
type Server struct {
	// config is as NewServer got it, except for what limits now hold.
	config ServerConfig
	// limits holds the present limits and timeouts.
	limits atomic.Pointer[ServerConfig]
	kernel Kernel
	memory *session.Budget
	meter  *session.Meter
	// sessions are idle ones of the protocol.
	sessions sync.Pool
	watchdog watchdog
	counters counters
	draining atomic.Bool
	// attended counts the connections that a goroutine of their own serves.
	attended atomic.Int32

	// mu guards the fields below.
	mu        sync.Mutex
	closed    bool
	listeners map[net.Listener]struct{}
	conns     map[*serverConn]struct{}
	// entered counts all connections since NewServer.
	entered uint64
	limiter connLimiter
	pollers *pollers
	// idle is closed when draining has left no connection.
	idle chan struct{}
}

// NewServer returns a Server that has no connections yet.
func NewServer(c ServerConfig) *Server {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		start := c.Clock.Now()
		c.Now = func() int64 { return int64(c.Clock.Since(start)) + 1 }
	}
	if c.Kernel == nil {
		c.Kernel = system{}
	}
	s := &Server{
		config:    c,
		kernel:    c.Kernel,
		meter:     session.NewMeter(c.RecordKeys),
		listeners: make(map[net.Listener]struct{}),
		conns:     make(map[*serverConn]struct{}),
		idle:      make(chan struct{}),
		memory:    new(session.Budget),
	}
	s.SetLimits(c)
	s.sessions.New = func() any {
		return session.New(nil, session.Limits{MaxValueSize: c.MaxValueSize, Memory: s.memory, Meter: s.meter})
	}
	s.watchdog.server = s
	return s
}

// SetLimits replaces the limits of connections and memory in flight, and the
// timeouts, by those of c, where a zero field means its default; it ignores the
// rest of c. Open connections stay; a new timeout applies to them from the next time
// their deadline is set.
func (s *Server) SetLimits(c ServerConfig) {
	setDefault(&c.MaxConnections, DefaultMaxConnections)
	setDefault(&c.MaxConnectionsPerAddress, DefaultMaxConnectionsPerAddress)
	setDefault(&c.MaxInFlight, DefaultMaxInFlight)
	setDefault(&c.FrameTimeout, DefaultFrameTimeout)
	setDefault(&c.WriteTimeout, DefaultWriteTimeout)
	setDefault(&c.IdleTimeout, DefaultIdleTimeout)
	setDefault(&c.AuthTimeout, DefaultAuthTimeout)
	s.limits.Store(&c)
	s.memory.SetLimit(c.MaxInFlight)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limiter.total, s.limiter.perAddress = c.MaxConnections, c.MaxConnectionsPerAddress
}

func setDefault[T int | int64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Serve accepts connections from l, which it closes, until Shutdown or Close;
// then it returns ErrServerClosed. It may be called for several listeners.
func (s *Server) Serve(l net.Listener) error {
	// Shutdown may have closed it already.
	defer func() { _ = l.Close() }()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrServerClosed
	}
	s.listeners[l] = struct{}{}
	if s.pollers == nil {
		var err error
		if s.pollers, err = newPollers(s); err != nil {
			s.config.Logger.Warn("connections are not polled, each takes a goroutine", "error", err)
		}
	}
	pollers := s.pollers
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, l)
		s.mu.Unlock()
	}()

	var pause time.Duration
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			if !s.config.Blocking {
				conn = pollers.own(conn)
			}
			if c := s.enter(conn); c != nil {
				c.mayPoll = !s.config.Blocking
				go c.run()
			}
		case s.draining.Load():
			return ErrServerClosed
		case IsTransient(err):
			// Open connections continue, and their descriptors become free when they end.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.config.Logger.Warn("cannot accept connections", "error", err, "retry_in", pause)
			<-s.config.Clock.After(pause)
		default:
			return err
		}
	}
}

// ServeConn serves one connection until it ends, and closes it. If the connection
// is over the limits, its first request is answered busy.
func (s *Server) ServeConn(conn net.Conn) {
	if c := s.enter(conn); c != nil {
		c.run()
	}
}

// enter finds a place for a connection. If there is none, it closes the connection
// and returns nil.
func (s *Server) enter(conn net.Conn) *serverConn {
	c := &serverConn{Conn: conn, server: s, address: addressOf(conn), since: s.config.Now()}
	c.active = c.since
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = conn.Close()
		return nil
	}
	s.entered++
	c.number = s.entered
	var refusal wire.Refusal
	if c.slot, c.memory, refusal = s.limiter.acquire(c.address); c.slot != noSlot {
		s.conns[c] = struct{}{}
	}
	s.mu.Unlock()

	if c.slot != servingSlot {
		s.counters.refused.Add(1)
	}
	if c.slot == noSlot {
		_ = conn.Close()
		return nil
	}
	s.counters.accepted.Add(1)
	c.refusal = refusal
	c.attend(true)
	return c
}

// leave gives up the place of a connection that is closed.
func (s *Server) leave(c *serverConn) {
	s.watchdog.forget(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.limiter.release(c.address, c.slot)
	if s.closed && len(s.conns) == 0 {
		s.end()
	}
}

// Shutdown stops accepting, answers the requests that have arrived whole by then, and
// ends each connection after its last answer: the client sees the end of the stream,
// and no reset destroys answers in transit. For that, it waits for up to two seconds
// for clients to end their side, unless they have been silent for as long. It returns
// nil once all connections are closed. If ctx ends first, it cuts the remaining ones
// and returns ctx's error, after waiting for at most a second for a command that is
// being executed, such as FLUSH.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	select {
	case <-s.idle:
		return nil
	case <-ctx.Done():
		s.cut()
		s.awaitCut()
		return ctx.Err()
	}
}

// Close stops accepting and cuts all connections at once.
func (s *Server) Close() error {
	s.stop()
	s.cut()
	s.awaitCut()
	return nil
}

// cutTimeout is how long Shutdown and Close wait for a command that is being executed.
const cutTimeout = time.Second

// awaitCut waits until the connections that were cut have ended, but at most for
// cutTimeout.
func (s *Server) awaitCut() {
	timeout := s.config.Clock.Timer(cutTimeout)
	defer timeout.Stop()
	select {
	case <-s.idle:
	case <-timeout.C:
	}
}

// stop closes the listeners and wakes every connection that waits for input.
func (s *Server) stop() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	s.draining.Store(true)
	// No more come, now that closed is set.
	listeners, conns := slices.Collect(maps.Keys(s.listeners)), s.inOrder()
	if len(conns) == 0 {
		s.end()
	}
	s.mu.Unlock()
	for _, l := range listeners {
		// Accept fails in Serve either way.
		_ = l.Close()
	}
	for _, c := range conns {
		// a broken connection notices by itself
		_ = c.SetReadDeadline(longAgo)
		c.unpoll()
	}
}

// end closes the pollers and idle when the last connection has left. It needs the lock.
func (s *Server) end() {
	s.watchdog.stop()
	s.pollers.close()
	close(s.idle)
}

// inOrder returns the connections, the oldest first. It needs the lock.
func (s *Server) inOrder() []*serverConn {
	return slices.SortedFunc(maps.Keys(s.conns), func(a, b *serverConn) int { return cmp.Compare(a.number, b.number) })
}

func (s *Server) cut() {
	s.mu.Lock()
	conns := s.inOrder()
	s.mu.Unlock()
	for _, c := range conns {
		// Its goroutine sees the error.
		_ = c.below().Close()
		c.unpoll()
	}
}
