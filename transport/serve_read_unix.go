//go:build unix

package transport

import (
	"errors"
	"io"
	"net"
	"syscall"
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
		return 0, nil
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
