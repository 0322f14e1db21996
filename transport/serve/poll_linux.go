package serve

import (
	"errors"
	"io"
	"math"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/Zezezknight/cryptomem/transport/socket"
)

// maxEvents is how many ready connections a poller learns of at once.
const maxEvents = 128

// pollers serve the short way of socket connections without a goroutine each:
// bytes are there, their requests are executed, the answers fit the socket's
// buffer. One goroutine does that for many connections, so that a request costs
// a read, a write and a share of one wait. Whatever would block or may take
// long, and every ending, hands the connection to a goroutine of its own.
type pollers struct {
	all []*poller
}

// newPollers starts one poller for each processor.
func newPollers() (*pollers, error) {
	p := &pollers{}
	for range runtime.GOMAXPROCS(0) {
		one, err := newPoller()
		if err != nil {
			p.close()
			return nil, err
		}
		p.all = append(p.all, one)
		go one.run()
	}
	return p, nil
}

// watch hands c, which waits for its next bytes, to a poller, who may serve it
// before watch returns. It reports false if c cannot be polled.
func (p *pollers) watch(c *serverConn) (watched bool) {
	if p == nil || c.raw == nil {
		return false
	}
	err := c.raw.Control(func(fd uintptr) {
		watched = p.all[int(fd)%len(p.all)].add(int(fd), c)
	})
	return err == nil && watched
}

func (p *pollers) close() {
	if p == nil {
		return
	}
	for _, one := range p.all {
		_ = one.file.Close() // ends run
	}
}

// A poller waits for many connections at once. Its epoll descriptor is itself
// waited for by the runtime, so that a poller with nothing to do holds no
// thread.
type poller struct {
	file *os.File // the epoll descriptor
	raw  syscall.RawConn

	mu    sync.Mutex    // guards conns
	conns []*serverConn // by file descriptor
}

func newPoller() (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &poller{file: os.NewFile(uintptr(fd), "epoll")}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, err
	}
	return p, nil
}

// add begins to wait for c.
func (p *poller) add(fd int, c *serverConn) bool {
	p.mu.Lock()
	if fd >= len(p.conns) {
		p.conns = append(p.conns, make([]*serverConn, fd+1-len(p.conns))...)
	}
	p.conns[fd] = c
	p.mu.Unlock()
	c.poller = p
	if c.ready == nil {
		c.ready = c.serveReady
	}
	c.polled.Store(true)
	if p.control(syscall.EPOLL_CTL_ADD, fd) == nil {
		p.mu.Lock()             // so that nobody adds it again in between
		if p.conns[fd] == nil { // dropped before it was added: nobody would ever remove it
			_ = p.control(syscall.EPOLL_CTL_DEL, fd) // its new owner may have closed it
		}
		p.mu.Unlock()
		// Interrupted before it was polled, it would not notice by itself. Had
		// the poller served and dropped it meanwhile, this would be harmless.
		c.recheck()
		return true
	}
	// Unless it was interrupted meanwhile, it is still the caller's.
	return !c.polled.CompareAndSwap(true, false)
}

// remove ends waiting for c, which its caller owns.
func (p *poller) remove(c *serverConn) {
	_ = c.raw.Control(func(fd uintptr) { // fails if it is closed, which removes it, too
		p.mu.Lock()
		p.conns[fd] = nil
		p.mu.Unlock()
		_ = p.control(syscall.EPOLL_CTL_DEL, int(fd)) // cannot fail for what was added
	})
}

func (p *poller) control(op, fd int) error {
	var failed error
	err := p.raw.Control(func(epoll uintptr) {
		failed = syscall.EpollCtl(int(epoll), op, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP, Fd: int32(fd)})
	})
	return errors.Join(err, failed)
}

// run serves connections until the poller is closed.
func (p *poller) run() {
	events := make([]syscall.EpollEvent, maxEvents)
	ready := make([]*serverConn, 0, maxEvents)
	n := 0
	wait := func(epoll uintptr) bool {
		var err error
		n, err = syscall.EpollWait(int(epoll), events, 0)
		return n > 0 || err != nil && !errors.Is(err, syscall.EINTR)
	}
	for p.raw.Read(wait) == nil {
		p.mu.Lock()
		for _, e := range events[:max(n, 0)] {
			ready = append(ready, p.conns[e.Fd])
		}
		p.mu.Unlock()
		for i, c := range ready {
			// Another owner has taken it, or it is gone.
			if c != nil && c.polled.CompareAndSwap(true, false) {
				c.turn()
			}
			ready[i] = nil
		}
		ready = ready[:0]
	}
}

// polling is what a connection needs to be polled.
type polling struct {
	raw    syscall.RawConn // nil if it cannot be
	poller *poller
	polled atomic.Bool // true: the poller waits, and whoever makes it false is the owner
	ready  func(fd uintptr)
	now    int64 // when its last answers were written
	stay   bool  // what ready found out: whether the poller may go on, or
	result error // what ended that
}

// turn serves what has arrived for c, which its caller has taken from the
// poller, and gives c back or on.
func (c *serverConn) turn() {
	c.stay, c.result = false, nil
	if err := c.raw.Control(c.ready); err != nil {
		c.stay, c.result = false, err
	}
	if c.stay && c.await(c.now) {
		c.polled.Store(true)
		c.recheck()
		return
	}
	if c.stay {
		c.result = nil // its deadline has passed, which it will find out
	}
	if errors.Is(c.result, io.EOF) {
		// Nothing is left to say, and a goroutine for each would be many when a
		// crowd leaves at once.
		c.poller.remove(c)
		c.finish()
		return
	}
	c.unwatch()
}

// serveReady reads once, executes, and writes what the socket takes at once.
func (c *serverConn) serveReady(fd uintptr) {
	n, err := readNow(int(fd), c.session, math.MaxInt)
	c.now = c.server.config.Now()
	if n == 0 {
		c.stay = errors.Is(err, syscall.EAGAIN)
		c.result = err
		return
	}
	c.received(n, c.now)
	began := c.now
	for {
		all, failed := c.session.ExecuteQuick(began)
		pending := c.session.Pending()
		if len(pending) == 0 {
			c.stay = all && failed == nil
			c.session.Release()
			c.now = c.server.config.Now()
			c.session.Measure(began, c.now)
			return
		}
		if !all || failed != nil || c.slot != servingSlot || !c.writeNow(int(fd), pending) {
			return // a goroutine goes on with what is pending
		}
	}
}

// writeNow writes what a non-blocking socket takes of the answers and reports
// whether that is all.
func (c *serverConn) writeNow(fd int, pending net.Buffers) bool {
	var n int // an error comes again when it is tried for the rest
	if len(pending) == 1 {
		n, _ = socket.Write(fd, pending[0])
	} else {
		n, _ = unix.Writev(fd, pending)
	}
	c.sent(max(n, 0))
	return c.session.Unsent() == 0
}

// recheck takes c back from the poller if it was interrupted before it was
// polled, when its interrupter could not.
func (c *serverConn) recheck() {
	if c.interrupted() {
		c.unpoll()
	}
}

// unpoll gives c, if it is polled, to a goroutine of its own.
func (c *serverConn) unpoll() {
	if c.polled.CompareAndSwap(true, false) {
		c.result = nil
		c.unwatch()
	}
}

func (c *serverConn) unwatch() {
	c.poller.remove(c)
	go c.resume(c.result)
}
