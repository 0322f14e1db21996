package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// What a connection that is being closed may still send before it is cut, so
// that the reason reaches it: data that nobody reads resets a TCP connection,
// and a reset destroys answers on their way.
const (
	lingerBytes   = 256 << 10
	lingerTimeout = 2 * time.Second
)

// refusalTimeout is how long a connection over the limits has for its request.
const refusalTimeout = 5 * time.Second

// A serverConn drives one Session over one net.Conn.
type serverConn struct {
	net.Conn
	server   *Server
	handler  Handler
	guest    Guest // the handler, as long as it is one to wait for
	session  *Session
	read     func() (int, error) // reads into the session
	deadline deadline
	waitsFor waitKind
	since    int64 // when the connection began
	serving  bool  // otherwise it is only told why not
	vec      net.Buffers
}

// A waitKind is what a connection's deadline is about.
type waitKind int

const (
	forRequest waitKind = iota
	forFrame
	forWrite
	forAuth
	forEnd
	forHandshake
	waitKinds
)

// start prepares a connection that has a place among those being served. TLS
// shakes hands first, so that NewHandler sees whom it is for.
func (c *serverConn) start() error {
	s := c.server
	if tls, ok := c.Conn.(interface{ HandshakeContext(context.Context) error }); ok {
		if !c.wait(forHandshake, c.since, s.config.FrameTimeout) {
			return os.ErrDeadlineExceeded
		}
		if err := tls.HandshakeContext(context.Background()); err != nil {
			return err
		}
	}
	if c.serving {
		c.handler = s.config.NewHandler(c.Conn)
	}
	c.guest, _ = c.handler.(Guest)
	c.session = NewSession(c.handler, Limits{MaxValueSize: s.config.MaxValueSize, Memory: s.memory, Meter: s.meter})
	c.read = reader(c.Conn, c.session)
	return nil
}

// serve reads, executes and answers until the client or the server ends it.
func (c *serverConn) serve() {
	defer func() { _ = c.Close() }() // everything that matters has been sent
	if err := c.start(); err != nil {
		c.failed(err)
		return
	}
	defer c.session.Close()
	if closer, ok := c.handler.(io.Closer); ok {
		defer func() { _ = closer.Close() }() // nobody is left to be told
	}
	now := c.since
	for c.await(now) {
		n, err := c.read()
		c.session.Received(n)
		now = c.server.config.Now()
		if n > 0 {
			c.server.counters.received.Add(int64(n))
			began := now
			err := c.answer(began)
			now = c.server.config.Now()
			c.session.Measure(began, now)
			if err != nil {
				c.ended(now, err)
				return
			}
		}
		if err != nil {
			c.ended(now, err)
			return
		}
	}
	c.ended(now, os.ErrDeadlineExceeded)
}

// errDone ends a connection that has nothing more to be told.
var errDone = errors.New("done")

// failed notes a connection that did not get as far as its first request.
func (c *serverConn) failed(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.server.counters.timeouts[forHandshake].Add(1)
	}
	c.server.counters.handshakes.Add(1)
	c.server.config.Logger.Debug("TLS handshake failed", "peer", c.RemoteAddr(), "error", err)
}

// answer executes what has arrived and sends the answers.
func (c *serverConn) answer(now int64) error {
	for {
		failed := c.session.Execute(now)
		pending := c.session.Pending()
		if len(pending) == 0 {
			return failed
		}
		if err := c.send(now, pending); err != nil {
			return err
		}
		if failed != nil {
			return failed
		}
		if !c.serving {
			return errDone
		}
	}
}

func (c *serverConn) send(now int64, pending net.Buffers) (err error) {
	if !c.wait(forWrite, now, c.server.config.WriteTimeout) {
		return os.ErrDeadlineExceeded
	}
	var n int64
	if len(pending) == 1 {
		var written int
		written, err = c.Write(pending[0])
		n = int64(written)
	} else {
		c.vec = pending
		n, err = c.vec.WriteTo(c.Conn)
	}
	c.session.Sent(int(n))
	c.server.counters.sent.Add(n)
	return err
}

// await sets the deadline for the next bytes of the client.
func (c *serverConn) await(now int64) bool {
	config := &c.server.config
	if !c.serving {
		return c.wait(forEnd, c.since, refusalTimeout)
	}
	if c.guest != nil {
		if !c.guest.Authenticated() {
			return c.wait(forAuth, c.since, config.AuthTimeout)
		}
		c.guest = nil
	}
	if since, begun := c.session.Begun(); begun {
		return c.wait(forFrame, since, config.FrameTimeout)
	}
	return c.wait(forRequest, now, config.IdleTimeout)
}

// wait sets the deadline for what comes next. It reports false if the previous
// one has passed.
func (c *serverConn) wait(kind waitKind, since int64, timeout time.Duration) bool {
	at := int64(0)
	if timeout > 0 {
		if at = since + int64(timeout); at < since {
			at = 0
		}
	}
	if !c.server.watchdog.set(&c.deadline, at) {
		return false
	}
	c.waitsFor = kind
	return true
}

// ended does what is due after the last read or write, which failed with err.
func (c *serverConn) ended(now int64, err error) {
	s := c.server
	switch {
	case errors.Is(err, ErrFraming):
		s.counters.framing.Add(1)
		s.config.Logger.Debug("connection lost framing", "peer", c.RemoteAddr())
		c.linger(now)
	case errors.Is(err, errDone):
		c.linger(now)
	case !errors.Is(err, os.ErrDeadlineExceeded):
		// End of stream, or a broken connection.
	case c.deadline.at.Load() == cut || !s.draining.Load():
		c.overdue(now)
	default:
		c.drain(now)
	}
}

// overdue ends a connection whose deadline has passed.
func (c *serverConn) overdue(now int64) {
	s := c.server
	s.counters.timeouts[c.waitsFor].Add(1)
	s.config.Logger.Debug("connection timed out", "peer", c.RemoteAddr(), "waiting_for", c.waitsFor)
	var reason error
	switch c.waitsFor {
	case forFrame:
		reason = fmt.Errorf("request did not arrive whole within %v", s.config.FrameTimeout)
	case forAuth:
		reason = fmt.Errorf("no successful AUTH within %v", s.config.AuthTimeout)
	default:
		// Nobody asked anything, or nobody listens.
		return
	}
	if _, begun := c.session.Begun(); !begun {
		return
	}
	c.deadline.at.Store(0)
	_ = c.SetDeadline(time.Time{}) // a failure shows in the write
	c.session.Abort(reason)
	if c.send(now, c.session.Pending()) == nil {
		c.linger(now)
	}
}

// drain answers the whole requests that the server's machine has received, at
// the server's end.
func (c *serverConn) drain(now int64) {
	for {
		n, err := readArrived(c.Conn, c.session)
		if n == 0 {
			return
		}
		c.session.Received(n)
		if c.answer(now) != nil || err != nil {
			return
		}
	}
}

// linger drops what the client still sends until it has had a chance to read
// the last answer.
func (c *serverConn) linger(now int64) {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || !c.wait(forEnd, now, lingerTimeout) {
		return
	}
	_, _ = io.CopyN(io.Discard, onlyReader{c.Conn}, lingerBytes) // either way it is over
}

// onlyReader hides the other methods of a connection from io.Copy, which would
// splice instead of drop.
type onlyReader struct{ io.Reader }
