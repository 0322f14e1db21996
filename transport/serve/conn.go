package serve

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// refusalTimeout is how long a connection over the limits has for its request.
const refusalTimeout = 5 * time.Second

// A serverConn drives one Session over one net.Conn. It has one owner at a
// time: the goroutine that serves it, or the poller that waits for it.
type serverConn struct {
	net.Conn
	polling
	server  *Server
	handler session.Handler
	// The handler or session, as long as it is one to wait for.
	auth    AuthHandler
	session Session
	// What is answered to a connection over the limits.
	refusal wire.Refusal
	// Waits and reads into the session.
	read func() (int, error)
	// In the order in which connections came.
	number uint64
	// When the connection began.
	since int64
	// When it last received, or sent what had to wait.
	active  int64
	address netip.Prefix
	// Its address's.
	memory *session.Share
	slot   slot
	// Whether a poller may do the waiting.
	mayPoll bool
	// attended by a goroutine, see Server.attended.
	attended bool

	deadline deadline
	// What the deadline is about.
	waitsFor waitKind
}

// A waitKind is what a connection's deadline is about.
type waitKind uint8

const (
	forRequest waitKind = iota
	forFrame
	forWrite
	forAuth
	forEnd
	forHandshake
	waitKinds
)

// errRefused ends a connection over the limits.
var errRefused = errors.New("the connection has been told that it is over a limit")

// errUnread ends a connection whose answers nobody reads, and for which there is
// no memory.
var errUnread = errors.New("no memory is left for answers that are not read")

// run serves the connection from its beginning.
func (c *serverConn) run() {
	err := c.start()
	if err != nil {
		c.failed(err)
		c.finish()
		return
	}
	c.resume(nil)
}

// resume serves the connection until it ends or a poller takes over. An err is
// what the last owner has met.
func (c *serverConn) resume(err error) {
	now := c.server.config.Now()
	if err == nil {
		err = c.sendHeld()
	}
	if err == nil {
		began := now
		err = c.answer(began)
		now = c.server.config.Now()
		c.session.Measure(began, now)
	}
	for err == nil {
		if !c.await(now) {
			err = os.ErrDeadlineExceeded
			break
		}
		c.session.Release()
		if c.mayPoll && !c.server.draining.Load() && c.server.pollers.watch(c) {
			return
		}
		var n int
		n, err = c.read()
		now = c.server.config.Now()
		if n > 0 {
			c.received(n, now)
			began := now
			if failed := c.answer(began); failed != nil {
				err = failed
			}
			now = c.server.config.Now()
			c.session.Measure(began, now)
		}
	}
	c.end(now, err)
	c.finish()
}

// start prepares the session. TLS shakes hands first, so that NewHandler sees
// whom it is for.
func (c *serverConn) start() error {
	s := c.server
	c.boundUnsent()
	if tls, ok := c.Conn.(interface{ HandshakeContext(context.Context) error }); ok {
		if !c.wait(forHandshake, c.since, s.limits.Load().FrameTimeout) {
			return os.ErrDeadlineExceeded
		}
		if err := tls.HandshakeContext(context.Background()); err != nil {
			return err
		}
	}
	c.newSession()
	c.initRead()
	return nil
}

func (c *serverConn) newSession() {
	s := c.server
	serving := c.slot == servingSlot
	if s.config.NewSession != nil {
		refusal := &c.refusal
		if serving {
			refusal = nil
		}
		c.session = s.config.NewSession(c.Conn, refusal)
		c.auth, _ = c.session.(AuthHandler)
		return
	}
	if serving {
		c.handler = s.config.NewHandler(c.Conn)
	} else {
		c.handler = refusingHandler{c.refusal}
	}
	c.auth, _ = c.handler.(AuthHandler)
	c.session = session.New(c.handler, session.Limits{MaxValueSize: s.config.MaxValueSize, Memory: s.memory, Peer: c.memory, Meter: s.meter})
}

// failed notes a connection that did not get as far as its first request.
func (c *serverConn) failed(err error) {
	c.server.counters.handshakes.Add(1)
	if c.deadline.at.Load() == cut {
		c.server.counters.timeouts[forHandshake].Add(1)
	}
	c.server.config.Logger.Debug("TLS handshake failed", "peer", c.RemoteAddr(), "error", err)
}

// finish closes the connection and leaves the server.
func (c *serverConn) finish() {
	c.attend(false)
	// everything that matters has been sent
	_ = c.Close()
	if c.session != nil {
		c.session.Close()
	}
	if closer, ok := c.handler.(io.Closer); ok {
		// nobody is left to be told
		_ = closer.Close()
	}
	c.server.leave(c)
}

// attend says whether a goroutine serves the connection, and not a poller.
func (c *serverConn) attend(by bool) {
	switch {
	case by == c.attended:
	case by:
		c.server.attended.Add(1)
	default:
		c.server.attended.Add(-1)
	}
	c.attended = by
	c.setPrompt(!by)
}

// received notes n bytes that have been read into the session.
func (c *serverConn) received(n int, now int64) {
	c.active = now
	c.session.Received(n)
	c.server.counters.received.Add(int64(n))
}

// answer executes what has arrived and sends the answers. What waits for answers
// to be sent is executed, and begins, when they have been.
func (c *serverConn) answer(now int64) error {
	for ; ; now = c.server.config.Now() {
		failed := c.session.Execute(now)
		if c.session.Unsent() == 0 {
			return failed
		}
		if !c.session.Hold() {
			c.server.counters.unread.Add(1)
			return errUnread
		}
		if err := c.send(c.session.Pending()); err != nil {
			return err
		}
		if failed == nil && c.slot != servingSlot {
			return errRefused
		}
	}
}

// send writes the answers and waits until the socket has taken them. The time
// for that does not count what their requests took.
func (c *serverConn) send(pending net.Buffers) error {
	if !c.wait(forWrite, c.server.config.Now(), c.server.limits.Load().WriteTimeout) {
		return os.ErrDeadlineExceeded
	}
	n, err := write(c.Conn, pending)
	c.active = c.server.config.Now()
	c.sent(int(n))
	return err
}

func write(conn net.Conn, pending net.Buffers) (int64, error) {
	if len(pending) == 1 {
		n, err := conn.Write(pending[0])
		return int64(n), err
	}
	return pending.WriteTo(conn)
}

// sent notes n bytes of the session's answers that have been written.
func (c *serverConn) sent(n int) {
	c.session.Sent(n)
	c.server.counters.sent.Add(int64(n))
}

// await sets the deadline for the next bytes of the client.
func (c *serverConn) await(now int64) bool {
	limits := c.server.limits.Load()
	if c.slot != servingSlot {
		return c.wait(forEnd, c.since, refusalTimeout)
	}
	if c.auth != nil {
		if !c.auth.Authenticated() {
			return c.wait(forAuth, c.since, limits.AuthTimeout)
		}
		c.auth = nil
	}
	if since, begun := c.session.Begun(); begun {
		return c.wait(forFrame, since, limits.FrameTimeout)
	}
	return c.wait(forRequest, now, limits.IdleTimeout)
}

// wait sets the deadline for what comes next. It reports false if the previous
// one has passed.
func (c *serverConn) wait(kind waitKind, since int64, timeout time.Duration) bool {
	at := int64(0)
	if timeout > 0 {
		// 0, none, where it overflows
		at = max(since+int64(timeout), 0)
	}
	if !c.server.watchdog.set(c, at) {
		return false
	}
	c.waitsFor = kind
	return true
}

// interrupted reports whether the connection has to stop waiting.
func (c *serverConn) interrupted() bool {
	return c.deadline.at.Load() == cut || c.server.draining.Load()
}
