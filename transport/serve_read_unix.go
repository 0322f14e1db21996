//go:build unix

package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// initRead sets how the connection is read. Over plain sockets, the session
// borrows its input buffer only once bytes are there, so that a connection that
// waits holds none. What TLS reads from its socket is not the protocol's.
func (c *serverConn) initRead() {
	switch conn := c.Conn.(type) {
	case *net.TCPConn:
		c.setRaw(conn)
	case *net.UnixConn:
		c.setRaw(conn)
	default:
		c.read = func() (int, error) { return c.Read(c.session.Buffer()) }
	}
}

func (c *serverConn) setRaw(socket syscall.Conn) {
	raw, err := socket.SyscallConn()
	if err != nil {
		c.read = func() (int, error) { return 0, err }
		return
	}
	var n int
	var failed error
	try := func(fd uintptr) bool {
		n, failed = readNow(int(fd), c.session)
		return !errors.Is(failed, syscall.EAGAIN)
	}
	c.raw = raw
	c.read = func() (int, error) {
		if err := raw.Read(try); err != nil {
			return 0, err
		}
		return n, failed
	}
}

// readArrived reads into the session what the connection has received and not
// handed out yet. It does not wait, and does not mind a read deadline that has
// passed. Other connections than sockets are taken to hold nothing.
func (c *serverConn) readArrived() (n int, err error) {
	if c.raw == nil {
		return c.readRecord()
	}
	if failed := c.raw.Control(func(fd uintptr) { n, err = readNow(int(fd), c.session) }); failed != nil {
		return 0, failed
	}
	return n, err
}

// readNow reads from a non-blocking socket. It gives s's buffer back when
// nothing is there.
func readNow(fd int, s *Session) (int, error) {
	for {
		n, err := readSocket(fd, s.Buffer())
		switch {
		case n > 0:
			return n, nil
		case n == 0 && err == nil:
			return 0, io.EOF
		case !errors.Is(err, syscall.EINTR):
			s.Release()
			return 0, err
		}
	}
}

// readRecord is readArrived for TLS over a socket, whose read deadline has
// passed. A record that has begun to arrive is waited for.
func (c *serverConn) readRecord() (n int, err error) {
	secured, ok := c.Conn.(interface{ NetConn() net.Conn })
	if !ok {
		return 0, nil
	}
	if n, err = c.read(); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err // what TLS had read from the socket already
	}
	socket, ok := secured.NetConn().(syscall.Conn)
	if !ok {
		return 0, nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	begun := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, _ := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		begun = n > 0
	})
	if err != nil || !begun || c.SetReadDeadline(time.Time{}) != nil {
		return 0, err
	}
	n, err = c.read()
	_ = c.SetReadDeadline(longAgo) // a broken connection notices by itself
	return n, err
}
