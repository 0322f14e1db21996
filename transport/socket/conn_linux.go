package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Conn is a stream socket outside the runtime's poller. A goroutine waits for it
// as for any other connection, through an epoll descriptor of the socket's own that
// the runtime polls. That can be paused, so that arriving bytes wake only the thread
// that waits in the kernel in ReadWithin. With a socket that the runtime polls, each
// arrival also wakes one of its threads, which costs as much again as the read.
//
// A Conn is safe for one reader, one writer and a concurrent Close.
type Conn struct {
	local, remote net.Addr
	paused        atomic.Bool

	// reading is the state of the running Read.
	reading struct {
		b   []byte
		n   int
		err error
		try func(uintptr) bool
	}
	// spin belongs to ReadWithin.
	spin spin

	// mu is read-locked while fd is used, so that Close cannot free its number for
	// another file meanwhile.
	mu     sync.RWMutex
	fd     int
	closed bool
	// in waits for bytes to arrive.
	in *waiter
	// out waits for room to write; nil until a write had to wait.
	out *waiter
}

// Own moves nc's socket out of the runtime's poller and closes nc, which nothing else
// may use. It returns nc itself if that is no TCP or Unix socket, or
// if there are no descriptors left.
func Own(nc net.Conn) net.Conn {
	conn, ok := nc.(syscall.Conn)
	if !ok {
		return nc
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nc
	}
	c := &Conn{local: nc.LocalAddr(), remote: nc.RemoteAddr(), fd: -1}
	c.reading.try = func(uintptr) bool {
		c.reading.n, c.reading.err = c.receive(c.reading.b)
		return !errors.Is(c.reading.err, syscall.EAGAIN)
	}
	err = errors.Join(raw.Control(func(fd uintptr) {
		if c.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); err != nil {
			c.fd = -1
		}
	}), err)
	if err == nil && c.fd >= 0 {
		if c.in, err = newWaiter(c.fd, arrives); err == nil {
			// The duplicate keeps the socket open.
			_ = nc.Close()
			return c
		}
	}
	if c.fd >= 0 {
		// The caller goes on with nc.
		_ = unix.Close(c.fd)
	}
	return nc
}

// Read implements net.Conn.
func (c *Conn) Read(b []byte) (int, error) {
	c.reading.b = b
	err := c.in.raw.Read(c.reading.try)
	c.reading.b = nil
	if err != nil {
		return 0, c.whyEnded(err)
	}
	return c.reading.n, c.reading.err
}

// ReadWithin reads, as Read does, what is there already or arrives within the time.
// If that is nothing it returns os.ErrDeadlineExceeded.
func (c *Conn) ReadWithin(b []byte, atMost time.Duration) (int, error) {
	if atMost > 0 {
		if n, err := c.look(b); !errors.Is(err, syscall.EAGAIN) {
			return n, err
		}
		if !c.await(atMost) {
			return 0, os.ErrDeadlineExceeded
		}
	}
	n, err := c.receive(b)
	if errors.Is(err, syscall.EAGAIN) {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// look polls for bytes for a short time, if they are likely to arrive
// in that time.
func (c *Conn) look(b []byte) (n int, err error) {
	err = syscall.EAGAIN
	if !c.spin.worthwhile() {
		return 0, err
	}
	for i := 0; i < spinReads && errors.Is(err, syscall.EAGAIN); i++ {
		n, err = c.receive(b)
	}
	c.spin.ended(!errors.Is(err, syscall.EAGAIN))
	return n, err
}

// Pause says that only ReadWithin is called until Resume: what arrives wakes no
// goroutine.
func (c *Conn) Pause() {
	c.paused.Store(true)
	c.expect(unix.EPOLLRDHUP)
}

// Resume ends Pause.
func (c *Conn) Resume() {
	c.paused.Store(false)
	c.expect(arrives)
}

// AwaitNews waits for the end of the stream if the connection is paused, or else
// for the next bytes. It reads nothing.
func (c *Conn) AwaitNews() {
	// This fails when the connection is closed, which ends the wait, too.
	_ = c.in.raw.Read(func(uintptr) bool {
		return !c.paused.Load() || c.ended()
	})
}

// expect replaces the events that wake Read. It registers the socket anew, because
// only then does the kernel report what is there already.
func (c *Conn) expect(events uint32) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return
	}
	// The socket is registered, so this cannot fail.
	_ = c.in.control(unix.EPOLL_CTL_DEL, c.fd, 0)
	_ = c.in.control(unix.EPOLL_CTL_ADD, c.fd, events)
}

func (c *Conn) await(atMost time.Duration) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.closed || await(c.fd, unix.POLLIN|unix.POLLRDHUP, atMost)
}

// ended reports whether the stream has ended, though there may be bytes left to read.
func (c *Conn) ended() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.closed || await(c.fd, unix.POLLRDHUP, 0)
}

func (c *Conn) receive(b []byte) (int, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for {
		if c.closed {
			return 0, net.ErrClosed
		}
		n, err := Read(c.fd, b)
		switch {
		case n > 0:
			return n, nil
		case err == nil && len(b) > 0:
			return 0, io.EOF
		case !errors.Is(err, syscall.EINTR):
			return 0, err
		}
	}
}

// Write implements net.Conn.
func (c *Conn) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var sent int
		if sent, err = c.send(b[n:]); errors.Is(err, syscall.EAGAIN) {
			sent, err = c.sendLater(b[n:])
		}
		n += max(sent, 0)
	}
	return n, err
}

func (c *Conn) send(b []byte) (int, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for {
		if c.closed {
			return 0, net.ErrClosed
		}
		n, err := Write(c.fd, b)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

// sendLater waits for room and then calls send.
func (c *Conn) sendLater(b []byte) (n int, err error) {
	out, err := c.room()
	if err != nil {
		return 0, err
	}
	failed := out.raw.Read(func(uintptr) bool {
		n, err = c.send(b)
		return !errors.Is(err, syscall.EAGAIN)
	})
	if failed != nil {
		return 0, c.whyEnded(failed)
	}
	return n, err
}

// whyEnded returns the error of a wait that has ended. For a closed file, package os
// returns an error that is not net.ErrClosed.
func (c *Conn) whyEnded(err error) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return net.ErrClosed
	}
	return err
}

// room returns the waiter for room to write, which few connections need.
func (c *Conn) room() (w *waiter, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, net.ErrClosed
	}
	if c.out == nil {
		c.out, err = newWaiter(c.fd, unix.EPOLLOUT)
	}
	return c.out, err
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return net.ErrClosed
	}
	c.closed = true
	err := unix.Close(c.fd)
	in, out := c.in, c.out
	c.mu.Unlock()
	// This wakes the waiting goroutines, and waits until they have returned.
	_ = in.file.Close()
	if out != nil {
		_ = out.file.Close()
	}
	return err
}

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn. ReadWithin ignores deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.in.file.SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	out, err := c.room()
	if err != nil {
		return err
	}
	// The epoll descriptor becomes readable when the socket has room.
	return out.file.SetReadDeadline(t)
}

// SyscallConn implements syscall.Conn, for options of the socket.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return rawConn{c}, nil }

// A rawConn gives access to a Conn's descriptor. It never waits for it.
type rawConn struct{ c *Conn }

func (r rawConn) Control(f func(fd uintptr)) error {
	r.c.mu.RLock()
	defer r.c.mu.RUnlock()
	if r.c.closed {
		return net.ErrClosed
	}
	f(uintptr(r.c.fd))
	return nil
}

func (rawConn) Read(func(fd uintptr) bool) error  { return errors.ErrUnsupported }
func (rawConn) Write(func(fd uintptr) bool) error { return errors.ErrUnsupported }

const arrives = unix.EPOLLIN | unix.EPOLLRDHUP

// A waiter is an epoll descriptor for one socket, on which goroutines wait. Both it
// and its registration with the runtime are edge-triggered: an event is reported
// once, and a woken goroutine has to go on until nothing is left.
type waiter struct {
	file *os.File
	raw  syscall.RawConn
}

func newWaiter(fd int, events uint32) (*waiter, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(epoll, true); err != nil {
		_ = unix.Close(epoll)
		return nil, os.NewSyscallError("fcntl", err)
	}
	w := &waiter{file: os.NewFile(uintptr(epoll), "epoll")}
	if w.raw, err = w.file.SyscallConn(); err == nil {
		err = w.control(unix.EPOLL_CTL_ADD, fd, events)
	}
	if err != nil {
		_ = w.file.Close()
		return nil, err
	}
	return w, nil
}

func (w *waiter) control(op, fd int, events uint32) (err error) {
	failed := w.raw.Control(func(epoll uintptr) {
		err = unix.EpollCtl(int(epoll), op, fd, &unix.EpollEvent{Events: events | unix.EPOLLET, Fd: int32(fd)})
	})
	return errors.Join(failed, os.NewSyscallError("epoll_ctl", err))
}
