//go:build unix

package transport

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// reader returns a function that waits for bytes of conn and reads them into
// s. Over sockets, s borrows its input buffer only once bytes are there, so
// that a connection that waits holds none.
func reader(conn net.Conn, s *Session) func() (int, error) {
	raw, ok := rawConn(conn)
	if !ok {
		return func() (int, error) { return conn.Read(s.Buffer()) }
	}
	var n int
	var failed error
	try := func(fd uintptr) bool {
		n, failed = readNow(int(fd), s)
		return !errors.Is(failed, syscall.EAGAIN)
	}
	return func() (int, error) {
		if err := raw.Read(try); err != nil {
			return 0, err
		}
		return n, failed
	}
}

// readArrived reads into s what conn has received and not handed out yet. It
// does not wait, and does not mind a read deadline that has passed. Other
// connections than sockets are taken to hold nothing.
func readArrived(conn net.Conn, s *Session) (n int, err error) {
	raw, ok := rawConn(conn)
	if !ok {
		return 0, nil
	}
	if failed := raw.Control(func(fd uintptr) { n, err = readNow(int(fd), s) }); failed != nil {
		return 0, failed
	}
	return n, err
}

// rawConn returns conn's file descriptor if its bytes are the protocol's, which
// those of TLS are not.
func rawConn(conn net.Conn) (syscall.RawConn, bool) {
	switch c := conn.(type) {
	case *net.TCPConn:
		raw, err := c.SyscallConn()
		return raw, err == nil
	case *net.UnixConn:
		raw, err := c.SyscallConn()
		return raw, err == nil
	}
	return nil, false
}

// readNow reads from a non-blocking socket. It gives s's buffer back when
// nothing is there.
func readNow(fd int, s *Session) (int, error) {
	for {
		n, err := syscall.Read(fd, s.Buffer())
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
