package serve

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A bareSocket is a TCP connection that is little more than its descriptor: a poller of
// the server waits for it, and the runtime does not know it. Once a goroutine has to
// wait for it, it becomes a file of the runtime's poller as well, and stays one.
//
// Each method may be called while another one runs.
type bareSocket struct {
	remote netip.AddrPort
	fd     int32
	// state is twice the number of those who use fd now, plus one after Close. The
	// last of them closes fd, so that its number cannot become another file's meanwhile.
	state atomic.Uint32

	// mu guards the fields below.
	mu sync.Mutex
	// file is nil until a goroutine has to wait.
	file *os.File
}

const (
	bareClosed = 1
	bareUser   = 2
)

// bare returns conn as a bareSocket and closes conn, which nothing else may use. It
// returns conn itself if that is no TCP connection, or there is no descriptor left.
func bare(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	remote, known := tcp.RemoteAddr().(*net.TCPAddr)
	raw, err := tcp.SyscallConn()
	if err != nil || !known {
		return conn
	}
	s := &bareSocket{remote: remote.AddrPort()}
	failed := raw.Control(func(fd uintptr) {
		var duplicate int
		duplicate, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		s.fd = int32(duplicate)
	})
	if failed != nil || err != nil {
		return conn
	}
	// The duplicate keeps the socket open.
	_ = conn.Close()
	return s
}

// acquire begins a use of fd. It reports false if the socket is closed.
func (s *bareSocket) acquire() bool {
	for {
		state := s.state.Load()
		if state&bareClosed != 0 {
			return false
		}
		if s.state.CompareAndSwap(state, state+bareUser) {
			return true
		}
	}
}

// release ends a use of fd.
func (s *bareSocket) release() {
	if s.state.Add(^uint32(bareUser-1)) == bareClosed {
		// The last user has gone: there is no caller to tell of an error.
		_ = s.closeDescriptor()
	}
}

func (s *bareSocket) closeDescriptor() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		return s.file.Close()
	}
	return os.NewSyscallError("close", unix.Close(int(s.fd)))
}

// Close implements net.Conn. It ends all waits.
func (s *bareSocket) Close() error {
	s.mu.Lock()
	before := s.state.Or(bareClosed)
	if before&bareClosed == 0 && s.file != nil {
		// a socket takes any deadline
		_ = s.file.SetDeadline(longAgo)
	}
	s.mu.Unlock()
	switch {
	case before&bareClosed != 0:
		return net.ErrClosed
	case before == 0:
		return s.closeDescriptor()
	}
	return nil
}

// waiting calls f with the socket as a file, on which a goroutine can wait.
func (s *bareSocket) waiting(f func(*os.File) error) error {
	if !s.acquire() {
		return net.ErrClosed
	}
	defer s.release()
	s.mu.Lock()
	if s.file == nil {
		s.file = os.NewFile(uintptr(s.fd), "tcp")
	}
	file := s.file
	closed := s.state.Load()&bareClosed != 0
	s.mu.Unlock()
	if closed {
		return net.ErrClosed
	}
	err := f(file)
	if errors.Is(err, os.ErrDeadlineExceeded) && s.state.Load()&bareClosed != 0 {
		return net.ErrClosed
	}
	return err
}

// Read implements net.Conn.
func (s *bareSocket) Read(b []byte) (n int, err error) {
	err = s.waiting(func(f *os.File) (err error) {
		n, err = f.Read(b)
		return err
	})
	return n, err
}

// Write implements net.Conn.
func (s *bareSocket) Write(b []byte) (n int, err error) {
	err = s.waiting(func(f *os.File) (err error) {
		n, err = f.Write(b)
		return err
	})
	return n, err
}

// maxPieces is how many pieces writev(2) takes at most.
const maxPieces = 1024

// WritePieces writes several pieces as one.
func (s *bareSocket) WritePieces(pieces net.Buffers) (sent int64, err error) {
	failed := (*rawBareSocket)(s).Write(func(fd uintptr) bool {
		for len(pieces) > 0 {
			var n int
			n, err = unix.Writev(int(fd), pieces[:min(len(pieces), maxPieces)])
			switch {
			case errors.Is(err, syscall.EINTR):
			case errors.Is(err, syscall.EAGAIN):
				return false
			case err != nil:
				return true
			}
			sent += int64(max(n, 0))
			pieces = after(pieces, max(n, 0))
		}
		return true
	})
	return sent, errors.Join(failed, err)
}

// after returns what follows the first n bytes of pieces.
func after(pieces net.Buffers, n int) net.Buffers {
	for len(pieces) > 0 && n >= len(pieces[0]) {
		n -= len(pieces[0])
		pieces = pieces[1:]
	}
	if len(pieces) > 0 {
		pieces[0] = pieces[0][n:]
	}
	return pieces
}

// CloseWrite ends this side of the connection.
func (s *bareSocket) CloseWrite() (err error) {
	failed := (*rawBareSocket)(s).Control(func(fd uintptr) { err = os.NewSyscallError("shutdown", unix.Shutdown(int(fd), unix.SHUT_WR)) })
	return errors.Join(failed, err)
}

// SyscallConn implements syscall.Conn.
func (s *bareSocket) SyscallConn() (syscall.RawConn, error) { return (*rawBareSocket)(s), nil }

// A rawBareSocket is the RawConn of a bareSocket.
type rawBareSocket bareSocket

// Control implements syscall.RawConn.
func (r *rawBareSocket) Control(f func(fd uintptr)) error {
	s := (*bareSocket)(r)
	if !s.acquire() {
		return net.ErrClosed
	}
	defer s.release()
	f(uintptr(s.fd))
	return nil
}

// Read implements syscall.RawConn.
func (r *rawBareSocket) Read(done func(fd uintptr) bool) error {
	return (*bareSocket)(r).waiting(func(f *os.File) error {
		raw, err := f.SyscallConn()
		if err != nil {
			return err
		}
		return raw.Read(done)
	})
}

// Write implements syscall.RawConn.
func (r *rawBareSocket) Write(done func(fd uintptr) bool) error {
	return (*bareSocket)(r).waiting(func(f *os.File) error {
		raw, err := f.SyscallConn()
		if err != nil {
			return err
		}
		return raw.Write(done)
	})
}

// LocalAddr implements net.Conn. It asks the system.
func (s *bareSocket) LocalAddr() net.Addr {
	var local unix.Sockaddr
	// a closed socket has no address
	_ = (*rawBareSocket)(s).Control(func(fd uintptr) { local, _ = unix.Getsockname(int(fd)) })
	switch a := local.(type) {
	case *unix.SockaddrInet4:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)))
	case *unix.SockaddrInet6:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port)))
	}
	return &net.TCPAddr{}
}

// RemoteAddr implements net.Conn.
func (s *bareSocket) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(s.remote) }

// setDeadline has the file take a deadline, unless the socket is closed.
func (s *bareSocket) setDeadline(set func(*os.File, time.Time) error, t time.Time) error {
	return s.waiting(func(file *os.File) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.state.Load()&bareClosed != 0 {
			return net.ErrClosed
		}
		return set(file, t)
	})
}

// SetDeadline implements net.Conn.
func (s *bareSocket) SetDeadline(t time.Time) error {
	return s.setDeadline((*os.File).SetDeadline, t)
}

// SetReadDeadline implements net.Conn.
func (s *bareSocket) SetReadDeadline(t time.Time) error {
	return s.setDeadline((*os.File).SetReadDeadline, t)
}

// SetWriteDeadline implements net.Conn.
func (s *bareSocket) SetWriteDeadline(t time.Time) error {
	return s.setDeadline((*os.File).SetWriteDeadline, t)
}
