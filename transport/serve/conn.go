package serve

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// refusalTimeout is how long a connection over the limits has to send its request.
const refusalTimeout = 5 * time.Second

// A serverConn drives one Session over one net.Conn. It has one owner at a
// time: the goroutine that serves it, or the poller that waits for it.
type serverConn struct {
	net.Conn
	polling
	server  *Server
	handler session.Handler
	// auth is the handler or session until it is authenticated, if it is an AuthHandler.
	auth AuthHandler
	// session is nil while it would be idle, and could be any: see borrow.
	session Session
	// refusal answers the first request of a connection over the limits.
	refusal wire.Refusal
	// reader waits for bytes and reads them into the session; nil until it is needed.
	reader func() (int, error)
	// number counts connections in the order in which they came.
	number uint64
	// since is when the connection began.
	since int64
	// active is when it last received bytes, or sent answers that had to wait.
	active  int64
	address netip.Prefix
	// memory is the share of its address.
	memory *session.Share
	slot   slot
	// mayPoll is set if a poller may wait for the connection.
	mayPoll bool
	// attended is set while a goroutine serves it, see Server.attended.
	attended bool

	deadline deadline
	// waitsFor is what has to happen by the deadline.
	waitsFor waitKind
}

// A waitKind is what has to happen by a connection's deadline.
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

// errUnread ends a connection whose client does not read its answers, when there is
// no memory left to keep them.
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

// resume serves the connection until it ends or a poller takes over. err is
// the error that the previous owner met, if any.
func (c *serverConn) resume(err error) {
	c.borrow()
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
		if c.mayPoll && !c.server.draining.Load() {
			c.giveBack()
			if c.server.pollers.watch(c) {
				return
			}
			c.borrow()
		}
		var n int
		n, err = c.read()
		now = c.server.config.Now()
		if n > 0 {
			c.received(n, now)
			if c.server.config.Blocking {
				// The time that requests take is not the client's. Was it too late
				// already, the next wait says so.
				c.server.watchdog.set(c, 0)
			}
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

// start prepares the session. The TLS handshake comes first, so that NewHandler sees
// the client's certificate.
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
	c.borrow()
}

// borrow takes a session for a connection that has none.
func (c *serverConn) borrow() {
	if c.session != nil {
		return
	}
	s := c.server.sessions.Get().(*session.Session)
	s.Reuse(c.handler, c.memory)
	c.session = s
}

// giveBack returns the session if it is idle, so that as many are needed as
// connections are busy, and not as are open.
func (c *serverConn) giveBack() {
	if s, ok := c.session.(*session.Session); ok && c.server.config.NewSession == nil && s.Idle() {
		c.server.sessions.Put(s)
		c.session = nil
	}
}

// failed counts a connection that did not get as far as its first request.
func (c *serverConn) failed(err error) {
	c.server.counters.handshakes.Add(1)
	if c.deadline.at.Load() == cut {
		c.server.counters.timeouts[forHandshake].Add(1)
	}
	c.server.config.Logger.Debug("TLS handshake failed", "peer", c.RemoteAddr(), "error", err)
}

// finish closes the connection and leaves the server.
func (c *serverConn) finish() {
	c.setPrompt(true) // a last record of TLS is not waited for
	// everything that matters has been sent
	_ = c.Close()
	c.attend(false)
	if c.session != nil {
		c.session.Close()
		c.giveBack()
	}
	if closer, ok := c.handler.(io.Closer); ok {
		// The client is gone, so there is no use for the error.
		_ = closer.Close()
	}
	c.server.leave(c)
}

// below returns what TLS runs over, or else the connection itself. Closing TLS tells the
// client first, and waits for one that does not read.
func (c *serverConn) below() net.Conn {
	if secured, ok := c.Conn.(interface{ NetConn() net.Conn }); ok {
		return secured.NetConn()
	}
	return c.Conn
}

// attend notes whether a goroutine serves the connection, and not a poller.
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

// answer executes what has arrived and sends the answers. A request that has to wait
// for earlier answers to be sent is executed, and timed, after that.
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

// send writes the answers and waits until the socket has taken them. WriteTimeout
// does not include the time that their requests took.
func (c *serverConn) send(pending net.Buffers) error {
	if !c.wait(forWrite, c.server.config.Now(), c.server.limits.Load().WriteTimeout) {
		return os.ErrDeadlineExceeded
	}
	n, err := write(c.Conn, pending)
	c.active = c.server.config.Now()
	c.sent(int(n))
	return err
}

// A piecewise connection is a plain socket that writes several pieces as one, as
// package net does with its own only.
type piecewise interface {
	net.Conn
	syscall.Conn
	WritePieces(pieces net.Buffers) (int64, error)
}

func write(conn net.Conn, pending net.Buffers) (int64, error) {
	if len(pending) == 1 {
		n, err := conn.Write(pending[0])
		return int64(n), err
	}
	if conn, ok := conn.(piecewise); ok {
		return conn.WritePieces(pending)
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
// deadline has passed.
func (c *serverConn) wait(kind waitKind, since int64, timeout time.Duration) bool {
	at := int64(0)
	if timeout > 0 {
		// A deadline that overflows is none.
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
