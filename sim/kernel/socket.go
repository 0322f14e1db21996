//go:build linux

package kernel

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// A Socket is a server's end of a stream, with what the standard library's net makes
// of it. It implements net.Conn and syscall.Conn. The kernel's lock guards it.
type Socket struct {
	k             *Kernel
	file          file
	local, remote net.Addr
	// It is a Unix socket: what was sent has arrived, whatever comes after, and writing
	// to a peer that is gone fails at once.
	unix bool
	peer Peer

	// Bytes from the peer that the server has not read.
	in buffer
	// Bytes from the server that the peer has not taken.
	out buffer
	// The peer sends no more, and takes no more.
	finished, deaf bool
	// The connection is broken, and which of the two sides has not been told.
	reset, resetTold bool
	// The server sends no more.
	shut bool
	// Bytes that the peer has ever sent.
	arrived int

	reading, writing parking
	// Nil while no epoll instance watches it.
	watcher *epoll
	events  uint32
}

// evict ends all waiting. It requires k.mu.
func (s *Socket) evict() {
	s.reading.evict()
	s.writing.evict()
	s.peer.poke()
}

// gone ends the stream: its descriptor is closed. What the server has not read, or
// the peer will yet send, resets it. It requires k.mu.
func (s *Socket) gone() {
	if s.watcher != nil {
		s.watcher.forget(s)
	}
	s.shut = true
	if s.in.len() > 0 {
		s.broken()
	}
	s.peer.poke()
}

// isGone requires k.mu.
func (s *Socket) isGone() bool { return s.file.closing && s.file.lent == 0 }

// broken is a reset: what is on its way is lost, if it has a way. It requires k.mu.
func (s *Socket) broken() {
	s.reset = true
	if !s.unix {
		s.in, s.out = buffer{}, buffer{}
	}
	s.news()
	s.writing.tell()
	s.peer.poke()
}

// news wakes the callers that wait for the socket to be readable. It requires k.mu.
func (s *Socket) news() {
	s.reading.tell()
	if s.watcher != nil && s.poll() != 0 {
		s.watcher.tell()
	}
}

// poll returns what there is of what is waited for. It requires k.mu.
func (s *Socket) poll() (is uint32) {
	if s.in.len() > 0 || s.finished || s.reset {
		is = syscall.EPOLLIN
	}
	if s.finished || s.reset {
		is |= syscall.EPOLLRDHUP
	}
	is &= s.events
	if s.reset {
		is |= syscall.EPOLLERR | syscall.EPOLLHUP
	}
	if s.unix && s.deaf {
		is |= syscall.EPOLLHUP
	}
	return is
}

// read is read(2). It requires k.mu.
func (s *Socket) read(b []byte) (int, error) {
	draw, faults := s.k.draw(Read, s.file.object), &s.k.config.Faults
	s.reading.seen()
	switch {
	case strikes(draw, 1, faults.Interrupt):
		return -1, syscall.EINTR
	case s.reset && !s.resetTold && s.in.len() == 0:
		s.resetTold = true
		return -1, syscall.ECONNRESET
	case s.in.len() == 0 && (s.finished || s.reset):
		return 0, nil
	case s.in.len() == 0:
		return -1, syscall.EAGAIN
	case strikes(draw, 2, faults.Again):
		// it has come a moment later
		s.reading.tell()
		return -1, syscall.EAGAIN
	}
	n := min(len(b), s.in.len())
	if strikes(draw, 3, faults.Partial) {
		n = share(draw, n)
	}
	s.in.take(b[:n])
	s.peer.poke()
	return n, nil
}

// write is write(2). It requires k.mu.
func (s *Socket) write(b []byte) (int, error) {
	draw, faults := s.k.draw(Write, s.file.object), &s.k.config.Faults
	s.writing.seen()
	room := s.k.config.Send - s.out.len()
	switch {
	case strikes(draw, 1, faults.Interrupt):
		return -1, syscall.EINTR
	case s.reset && !s.resetTold:
		s.resetTold = true
		return -1, syscall.ECONNRESET
	case s.reset, s.shut, s.unix && s.deaf:
		return -1, syscall.EPIPE
	case s.deaf:
		// the peer's machine answers with a reset
		s.broken()
		return len(b), nil
	case room <= 0:
		return -1, syscall.EAGAIN
	case strikes(draw, 2, faults.Again):
		// there was room a moment later
		s.writing.tell()
		return -1, syscall.EAGAIN
	}
	n := min(len(b), room)
	if strikes(draw, 3, faults.Partial) {
		n = share(draw, n)
	}
	s.out.add(b[:n])
	s.peer.poke()
	return n, nil
}

// SyscallConn implements syscall.Conn.
func (s *Socket) SyscallConn() (syscall.RawConn, error) {
	return &loan{s.k, &s.file, &s.reading, &s.writing}, nil
}

// Read implements net.Conn.
func (s *Socket) Read(b []byte) (n int, err error) {
	raw := loan{s.k, &s.file, &s.reading, &s.writing}
	failed := raw.Read(func(fd uintptr) bool {
		n, err = s.k.Read(int(fd), b)
		for errors.Is(err, syscall.EINTR) {
			n, err = s.k.Read(int(fd), b)
		}
		return !errors.Is(err, syscall.EAGAIN)
	})
	if n == 0 && err == nil && failed == nil && len(b) > 0 {
		return 0, io.EOF
	}
	return max(n, 0), s.explain("read", errors.Join(failed, err))
}

// Write implements net.Conn.
func (s *Socket) Write(b []byte) (sent int, err error) {
	raw := loan{s.k, &s.file, &s.reading, &s.writing}
	failed := raw.Write(func(fd uintptr) bool {
		for sent < len(b) {
			var n int
			n, err = s.k.Write(int(fd), b[sent:])
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if err != nil {
				return !errors.Is(err, syscall.EAGAIN)
			}
			sent += n
		}
		return true
	})
	if failed != nil {
		err = failed
	}
	return sent, s.explain("write", err)
}

// explain makes an error what net makes of it.
func (s *Socket) explain(op string, err error) error {
	if err == nil {
		return nil
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		err = os.NewSyscallError(op, number)
	}
	return &net.OpError{Op: op, Net: s.local.Network(), Source: s.local, Addr: s.remote, Err: err}
}

// Close implements net.Conn.
func (s *Socket) Close() error {
	s.k.config.Turn(Close, s.file.object)
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	s.reading.evict()
	s.writing.evict()
	return s.k.close(&s.file)
}

// CloseWrite ends the server's half of the stream.
func (s *Socket) CloseWrite() error {
	s.k.config.Turn(Shut, s.file.object)
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	switch {
	case s.file.closing:
		return net.ErrClosed
	case s.reset:
		return s.explain("shutdown", syscall.ENOTCONN)
	}
	s.shut = true
	s.peer.poke()
	return nil
}

// LocalAddr implements net.Conn.
func (s *Socket) LocalAddr() net.Addr { return s.local }

// RemoteAddr implements net.Conn.
func (s *Socket) RemoteAddr() net.Addr { return s.remote }

// SetDeadline implements net.Conn.
func (s *Socket) SetDeadline(t time.Time) error {
	return s.expire(Deadline, t, &s.reading, &s.writing)
}

// SetReadDeadline implements net.Conn.
func (s *Socket) SetReadDeadline(t time.Time) error { return s.expire(Deadline, t, &s.reading) }

// SetWriteDeadline implements net.Conn.
func (s *Socket) SetWriteDeadline(t time.Time) error { return s.expire(WriteDeadline, t, &s.writing) }

func (s *Socket) expire(call Call, t time.Time, who ...*parking) error {
	if !t.IsZero() && t.After(s.k.config.Clock.Now()) {
		return errors.ErrUnsupported
	}
	s.k.config.Turn(call, s.file.object)
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	if s.file.closing {
		return net.ErrClosed
	}
	for _, p := range who {
		p.expire(!t.IsZero())
	}
	return nil
}
