package transport

import (
	"errors"
	"fmt"
	"io"
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

// end does what is due after the last read or write, which ended with err.
func (c *serverConn) end(now int64, err error) {
	s := c.server
	switch {
	case errors.Is(err, ErrFraming):
		s.counters.framing.Add(1)
		s.config.Logger.Debug("connection lost framing", "peer", c.RemoteAddr())
		c.linger(now)
	case errors.Is(err, errEnded):
		s.counters.ended.Add(1)
		c.linger(now)
	case errors.Is(err, errRefused):
		c.linger(now)
	case !errors.Is(err, os.ErrDeadlineExceeded):
		// End of stream, or a broken connection.
	case c.deadline.at.Load() == cut:
		c.overdue(now)
	case s.draining.Load():
		c.drain(now)
	}
}

// overdue ends a connection whose deadline has passed. A client that is in the
// middle of a request, or has yet to authenticate, is told why.
func (c *serverConn) overdue(now int64) {
	s := c.server
	s.counters.timeouts[c.waitsFor].Add(1)
	s.config.Logger.Debug("connection timed out", "peer", c.RemoteAddr(), "waiting_for", c.waitsFor)
	var reason error
	switch c.waitsFor {
	case forFrame:
		reason = fmt.Errorf("request did not arrive whole within %v", s.limits.Load().FrameTimeout)
	case forAuth:
		reason = fmt.Errorf("no successful AUTH within %v", s.limits.Load().AuthTimeout)
	default:
		return
	}
	if _, begun := c.session.Begun(); !begun {
		return // it has asked for nothing that could be answered
	}
	c.deadline.at.Store(0)
	if c.SetDeadline(time.Time{}) != nil {
		return
	}
	c.session.Abort(reason)
	if c.send(now, c.session.Pending()) == nil {
		c.linger(now)
	}
}

// drain answers the whole requests that have reached this machine, at the
// server's end.
func (c *serverConn) drain(now int64) {
	for {
		n, err := c.readArrived()
		if n == 0 {
			return
		}
		c.received(n)
		if c.answer(now) != nil || err != nil {
			return
		}
	}
}

// linger drops what the client still sends until it has had a chance to read
// the last answer.
func (c *serverConn) linger(now int64) {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || c.server.draining.Load() || half.CloseWrite() != nil || !c.wait(forEnd, now, lingerTimeout) {
		return
	}
	_, _ = io.CopyN(io.Discard, onlyReader{c.Conn}, lingerBytes) // either way it is over
}

// onlyReader hides the other methods of a connection from io.Copy, which would
// splice instead of drop.
type onlyReader struct{ io.Reader }
