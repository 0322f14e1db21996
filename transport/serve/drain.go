package serve

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// What a connection that is being closed may still send before it is cut. Closing
// a socket with unread data resets the connection, and a reset destroys answers that
// are still being delivered, so the server reads on. lingerBytes is more than the
// sockets' buffers of both sides usually hold, enough for a client that stops when it
// sees the end of the stream. If a client goes on, the server stops reading and waits
// until lingerTimeout is over.
const (
	lingerBytes   = 16 << 20
	lingerTimeout = 2 * time.Second
)

// end finishes the connection after its last read or write, which ended with err.
func (c *serverConn) end(now int64, err error) {
	s := c.server
	switch {
	case errors.Is(err, wire.ErrFraming):
		s.counters.framing.Add(1)
		s.config.Logger.Debug("connection lost framing", "peer", c.RemoteAddr())
		c.linger()
	case errors.Is(err, session.ErrEnded):
		s.counters.ended.Add(1)
		c.linger()
	case errors.Is(err, errRefused):
		c.linger()
	case !errors.Is(err, os.ErrDeadlineExceeded):
		// End of stream, or a broken connection.
	case c.deadline.at.Load() == cut:
		c.overdue()
	case s.draining.Load():
		c.drain(now)
	}
}

// overdue ends a connection whose deadline has passed. A client that is in the
// middle of a request, or has yet to authenticate, is told the reason.
func (c *serverConn) overdue() {
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
		// There is no request to answer.
		return
	}
	c.deadline.at.Store(0)
	if c.SetDeadline(time.Time{}) != nil {
		return
	}
	c.session.Abort(reason)
	if c.send(c.session.Pending()) == nil {
		c.linger()
	}
}

// drain answers the complete requests that had arrived when the server began to shut
// down, and none that follow: otherwise a client that always sends one more would
// keep the server from ending. Each client sees the end of the stream after its last
// answer.
func (c *serverConn) drain(now int64) {
	left := c.arrived()
	// A client that has been silent for so long has read its answers. It may not
	// notice the end of the stream until its next request, so there is no waiting for it.
	_, begun := c.session.Begun()
	quiet := left == 0 && !begun && now-c.active >= int64(lingerTimeout)
	for left > 0 {
		// If this fails, so does the close that follows.
		n, _ := c.readArrived(left)
		if n == 0 {
			break
		}
		left -= n
		c.received(n, now)
		if err := c.answer(now); err != nil {
			c.end(now, err)
			return
		}
		now = c.server.config.Now()
	}
	if !quiet {
		c.linger()
	}
}

// linger ends the server's side and discards what the client still sends, until
// the client has ended its own side or has had time to read the last answer.
func (c *serverConn) linger() {
	socket, ok := closeWrite(c.Conn)
	if !ok || !c.wait(forEnd, c.server.config.Now(), lingerTimeout) {
		return
	}
	// The session is no longer needed.
	c.session.Close()
	left, err := int64(lingerBytes), os.ErrDeadlineExceeded
	for errors.Is(err, os.ErrDeadlineExceeded) {
		// Shutdown may have interrupted the connection before this; an interruption
		// from here on is final.
		if c.SetReadDeadline(time.Time{}) != nil || c.deadline.at.Load() == cut {
			return
		}
		var n int64
		n, err = io.CopyN(io.Discard, onlyReader{socket}, left)
		left -= n
	}
	if err == nil {
		c.awaitInterruption()
	}
}

// closeWrite ends the server's side of a connection, both of TLS and of
// the socket below it, and returns the latter. It reports false if the
// connection cannot end one side alone, or is broken.
func closeWrite(conn net.Conn) (net.Conn, bool) {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return nil, false
	}
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secured.NetConn()
		// TLS has told the client already.
		_, _ = closeWrite(conn)
	}
	return conn, true
}

// onlyReader hides the other methods of a connection from io.Copy, which would
// otherwise use splice(2) and not discard.
type onlyReader struct{ io.Reader }
