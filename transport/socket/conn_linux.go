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
// the runtime polls; but it can be told not to, so that who waits in the kernel by
// ReadWithin is all that its bytes wake. On a socket that the runtime polls, each
// arrival wakes one of its threads besides, as much work again as the read.
//
// A Conn is safe for one reader, one writer and who closes it.
type Conn struct {
	local, remote net.Addr
	paused        atomic.Bool

	reading struct { // of who is in Read
		b   []byte
		n   int
		err error
		try func(uintptr) bool
	}
	// Of who is in ReadWithin.
	spin spin

	// Held for reading by who uses fd, so that it stays the same socket.
	mu     sync.RWMutex
	fd     int
	closed bool
	// in for the arrival of bytes.
	in *waiter
	// out for room for more; nil until somebody had to wait.
	out *waiter
}

// Own moves nc's socket out of the runtime's poller and closes nc, which must be
// known to nobody else. It returns nc itself if that is no TCP or Unix socket, or
// if descriptors have run out.
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
			// the socket lives on
			_ = nc.Close()
			return c
		}
	}
	if c.fd >= 0 {
		// nc is the connection
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

// ReadWithin reads as Read does what comes within the time, or is there already.
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

// look reads what comes while it is looked for again and again, if that is likely to
// be in time.
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

// Pause says that from now on only ReadWithin is called, and nobody woken for what
// arrives, until Resume.
func (c *Conn) Pause() {
	c.paused.Store(true)
	c.expect(unix.EPOLLRDHUP)
}

// Resume ends Pause.
func (c *Conn) Resume() {
	c.paused.Store(false)
	c.expect(arrives)
}

// AwaitNews waits for the end of a stream that is paused; or, when it is resumed,
// for the next bytes. It reads nothing.
func (c *Conn) AwaitNews() {
	// fails when it is closed, which is news, too
	_ = c.in.raw.Read(func(uintptr) bool {
		return !c.paused.Load() || c.ended()
	})
}

// expect replaces what Read is woken for. The registration is made anew: only then
// does the kernel look for what is there already.
func (c *Conn) expect(events uint32) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return
	}
	// it is there
	_ = c.in.control(unix.EPOLL_CTL_DEL, c.fd, 0)
	_ = c.in.control(unix.EPOLL_CTL_ADD, c.fd, events)
}

func (c *Conn) await(atMost time.Duration) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.closed || await(c.fd, unix.POLLIN|unix.POLLRDHUP, atMost)
}

// ended reports whether the stream has ended behind what is still to be read.
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

// sendLater is send once there is room.
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

// whyEnded returns why waiting has ended: what os says of a closed file is no error
// that anybody could test for.
func (c *Conn) whyEnded(err error) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return net.ErrClosed
	}
	return err
}

// room returns what waits for room to write, which few connections ever need.
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
	// wakes who waits, and waits until they have left
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

// SetDeadline implements net.Conn. ReadWithin heeds no deadline.
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
	// it becomes readable when there is room
	return out.file.SetReadDeadline(t)
}

// SyscallConn implements syscall.Conn, for options of the socket.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return rawConn{c}, nil }

// A rawConn lends a Conn's descriptor. It does not wait for it.
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

// A waiter is an epoll descriptor for one socket, on which goroutines wait. Its
// registration is edge-triggered twice over: what the kernel has to tell it tells
// once, and who is told tries until there is nothing left.
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
