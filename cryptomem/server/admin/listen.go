package admin

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/transport/serve"
)

// What all clients together may take, so that looking in never costs the store's
// own clients their file descriptors.
const (
	// MaxConnections is how many are open at once. A further one takes the place of
	// the one that has waited longest for a request, or waits itself.
	MaxConnections = 128
	// WriteTimeout is how long a client may take nothing of an answer.
	WriteTimeout = 10 * time.Second

	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second // for a whole request, with a body that is not read
	idleTimeout    = 30 * time.Second // between requests
	headerSize     = 16 << 10
	sendBuffer     = 128 << 10 // kernel memory for answers on their way; by itself it would grow to megabytes

	// grace is how long a connection has for its request to arrive before it may
	// have to make room.
	grace = 500 * time.Millisecond
)

// longAgo is a deadline that ends what waits.
var longAgo = time.Unix(1, 0)

// A connLimiter bounds the connections of all of a Server's listeners together.
type connLimiter struct {
	clk    clock.Clock
	spares *spareFiles

	// Guards what follows.
	mu   sync.Mutex
	open int
	// waiting of *timedConn, those without a request, longest first.
	waiting list.List
	// Closed when there may be room.
	changed chan struct{}
}

func newConnLimiter(clk clock.Clock) *connLimiter {
	return &connLimiter{clk: clk, spares: openSpareFiles(), changed: make(chan struct{})}
}

// A listener bounds the connections of another one, and the time that each of
// their writes takes. A bound on the whole answer would end the live feed, and
// profiles that take longer.
type listener struct {
	net.Listener
	*connLimiter
	closed chan struct{}
	once   sync.Once
}

func (r *connLimiter) limit(l net.Listener) *listener {
	return &listener{Listener: l, connLimiter: r, closed: make(chan struct{})}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	for outOfFiles(err) && l.spares.release() {
		conn, err = l.Listener.Accept()
	}
	if err != nil {
		if serve.IsTransient(err) {
			err = temporaryError{err}
		}
		return nil, err
	}
	if buffered, ok := conn.(interface{ SetWriteBuffer(bytes int) error }); ok {
		// without, a client that takes nothing is only noticed later
		_ = buffered.SetWriteBuffer(sendBuffer)
	}
	if !l.makeRoom() {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open++
	c := &timedConn{Conn: conn, limiter: l.connLimiter, since: l.clk.Now()}
	c.place = l.waiting.PushBack(c)
	return c, nil
}

// temporaryError is an error after which http.Server accepts again.
type temporaryError struct{ error }

func (temporaryError) Timeout() bool   { return false }
func (temporaryError) Temporary() bool { return true }
func (t temporaryError) Unwrap() error { return t.error }

// Close implements net.Listener.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// makeRoom waits until one more connection may be open; false is that there will
// be none. Handlers that may take long are bounded to fewer than there are
// connections, see [atMost], so that some always wait for a request.
func (l *listener) makeRoom() bool {
	for {
		wait, changed := l.evict()
		if changed == nil {
			return true
		}
		ripe := l.clk.Timer(wait)
		select {
		case <-changed:
		case <-ripe.C:
		case <-l.closed:
		}
		ripe.Stop()
		select {
		case <-l.closed:
			return false
		default:
		}
	}
}

// evict makes room where all connections are open, and one of them has waited for
// long enough. Otherwise it returns when to look again: after some time, or when
// something has changed.
func (r *connLimiter) evict() (wait time.Duration, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open < MaxConnections {
		return 0, nil
	}
	if r.waiting.Len() == 0 {
		return grace, r.changed
	}
	oldest := r.waiting.Front().Value.(*timedConn) //nolint:forcetypeassert // nothing else is in the list
	if wait := grace - r.clk.Since(oldest.since); wait > 0 {
		return wait, r.changed
	}
	oldest.leave()
	oldest.closed = true
	r.open--
	// its client gets no answer that it waits for
	_ = oldest.Conn.Close()
	return 0, nil
}

// tell wakes the callers that wait for room; it needs the lock.
func (r *connLimiter) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// A timedConn is a connection that has a room.
type timedConn struct {
	net.Conn
	limiter *connLimiter

	// Guarded by their lock.
	place *list.Element // among those that wait for a request, nil while one is answered
	// since is when it began to wait.
	since  time.Time
	closed bool
}

func (c *timedConn) Write(b []byte) (int, error) {
	// a broken connection notices by itself
	late := c.limiter.clk.AfterFunc(WriteTimeout, func() { _ = c.SetWriteDeadline(longAgo) })
	defer late.Stop()
	return c.Conn.Write(b)
}

// Close implements net.Conn.
func (c *timedConn) Close() error {
	err := c.Conn.Close()
	r := c.limiter
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.closed {
		return err
	}
	c.closed = true
	c.leave()
	r.open--
	r.spares.refill()
	r.tell()
	return err
}

// leave takes the connection from those that wait; it needs the lock.
func (c *timedConn) leave() {
	if c.place != nil {
		c.limiter.waiting.Remove(c.place)
		c.place = nil
	}
}

// begin notes that a request has arrived, and end that it is answered.
func (c *timedConn) begin() {
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	c.leave()
}

func (c *timedConn) end() {
	r := c.limiter
	r.mu.Lock()
	defer r.mu.Unlock()
	if !c.closed {
		c.since = r.clk.Now()
		c.place = r.waiting.PushBack(c)
		r.tell()
	}
}

// connKey is where a request's context has its timedConn.
type connKey struct{}

func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// attended keeps a connection from making room while it is answered.
func attended(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*timedConn); ok {
			c.begin()
			defer c.end()
		}
		next.ServeHTTP(w, r)
	})
}

// How many answers of a kind may be on their way. Together they are fewer than
// MaxConnections: the rest is for health checks, which are short.
const (
	// MaxStreams is how many may follow the live feed.
	MaxStreams = 32

	maxProfiles = 4
	maxOthers   = 64
)

// atMost lets next answer n requests at a time, and asks others to come again.
func atMost(n int, next http.Handler) http.Handler {
	places := make(chan struct{}, n)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			say(w, http.StatusServiceUnavailable, "too many at once, try again")
		}
	})
}

// lasting lets a handler take longer than requestTimeout, which would otherwise
// end it as if its client had gone.
func (s *Server) lasting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn := http.NewResponseController(w)
		// a recorder has no connection, and no deadline
		_ = conn.SetReadDeadline(time.Time{})
		defer func() { _ = conn.SetReadDeadline(s.config.Clock.Now().Add(requestTimeout)) }()
		next.ServeHTTP(w, r)
	})
}
