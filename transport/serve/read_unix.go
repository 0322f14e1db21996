//go:build unix

package serve

import (
	"errors"
	"io"
	"math"
	"os"
	"syscall"
	"time"
)

// initRead sets how the connection is read. Over plain sockets, the session
// borrows its input buffer only once bytes have arrived, so that an idle connection
// holds none. With TLS that cannot be: bytes on the socket need not be any of the
// protocol.
func (c *serverConn) initRead() {
	raw, err := c.server.kernel.Socket(c.Conn)
	switch {
	case err != nil:
		c.reader = func() (int, error) { return 0, err }
	case raw == nil:
		c.reader = func() (int, error) { return c.Read(c.session.Buffer()) }
		c.initTLS()
	default:
		c.raw = raw
	}
}

// read waits for bytes and reads them into the session.
func (c *serverConn) read() (int, error) {
	if c.reader == nil {
		c.reader = c.newReader()
	}
	return c.reader()
}

// newReader returns a reader of a plain socket.
func (c *serverConn) newReader() func() (int, error) {
	var n int
	var failed error
	try := func(fd uintptr) bool {
		n, _, failed = c.readNow(int(fd), math.MaxInt)
		return !errors.Is(failed, syscall.EAGAIN)
	}
	return func() (int, error) {
		if err := c.raw.Read(try); err != nil {
			return 0, err
		}
		return n, failed
	}
}

// readNow reads at most limit bytes from the non-blocking socket into the session,
// and reports whether that filled the buffer. If there is nothing to read it gives
// the buffer back.
func (c *serverConn) readNow(fd, limit int) (n int, full bool, err error) {
	for {
		b := c.session.Buffer()
		n, err := c.server.kernel.Read(fd, b[:min(len(b), limit)])
		switch {
		case n > 0:
			return n, n == len(b), nil
		case n == 0 && err == nil:
			return 0, false, io.EOF
		case !errors.Is(err, syscall.EINTR):
			c.session.Release()
			return 0, false, err
		}
	}
}

// socket returns the connection's socket, with TLS over it or not; nil if there
// is none.
func (c *serverConn) socket() syscall.RawConn {
	under, ok := c.below().(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := under.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// boundUnsent limits how much the socket accepts before sending it.
func (c *serverConn) boundUnsent() {
	if raw := c.socket(); raw != nil {
		// fails if it is closed
		_ = raw.Control(func(fd uintptr) { c.server.kernel.BoundUnsent(int(fd)) })
	}
}

// arrived returns how many unread bytes the socket has received, or more.
func (c *serverConn) arrived() (n int) {
	if raw := c.socket(); raw != nil {
		// fails if it is closed
		_ = raw.Control(func(fd uintptr) { n = c.server.kernel.Unread(int(fd)) })
	}
	return n
}

// readArrived reads into the session what the connection has received already, at most
// limit bytes, or a record of TLS. It does not wait, and works after a read deadline
// has passed. Connections other than sockets are taken to have received nothing.
func (c *serverConn) readArrived(limit int) (n int, err error) {
	if _, plain := c.Conn.(syscall.Conn); !plain || c.raw == nil {
		return c.readRecord()
	}
	if failed := c.raw.Control(func(fd uintptr) { n, _, err = c.readNow(int(fd), limit) }); failed != nil {
		return 0, failed
	}
	return n, err
}

// readRecord is readArrived for TLS, whose read deadline has passed. If part of a
// record has arrived, it waits a short time for the rest.
func (c *serverConn) readRecord() (n int, err error) {
	if n, err = c.read(); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		// TLS had read this from the socket already.
		return n, err
	}
	if c.arrived() == 0 || !c.wait(forEnd, c.server.config.Now(), lingerTimeout) || c.SetReadDeadline(time.Time{}) != nil {
		return 0, err
	}
	n, err = c.read()
	if c.deadline.at.Load() != cut {
		// a broken connection notices by itself
		_ = c.SetReadDeadline(longAgo)
	}
	return n, err
}

// awaitInterruption reads nothing and returns when the connection's deadline
// passes or it is closed.
func (c *serverConn) awaitInterruption() {
	if raw := c.socket(); raw != nil {
		// It returns only with an error, when the wait is over.
		_ = raw.Read(func(uintptr) bool { return false })
	}
}
