package serve

import (
	"errors"
	"io"
	"math"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// maxEvents is how many ready connections a poller learns of at once.
const maxEvents = 128

const (
	// keptWait is how long a poller that has just served keeps its processor while
	// it waits for more, in milliseconds. Requests of few connections follow each
	// other sooner; to be parked and woken for each costs more than to serve it.
	keptWait = 8

	// turnTime is how long a poller serves before it lets other goroutines have its
	// processor, and the runtime look for those whose connections are ready.
	turnTime = 5 * time.Millisecond

	// busyTime is over how long a poller looks back to find out whether it is busy:
	// whether it has waited less than a part in busyPart of the time.
	busyTime = 200 * time.Millisecond
	busyPart = 16

	// uploadTurn is how much of a large value a poller reads before it turns to
	// other connections, in bytes. One that took a piece at a time would wait behind
	// the answers to all the others for each.
	uploadTurn = 512 << 10
)

// pollers serve the short way of socket connections without a goroutine each:
// bytes are there, their requests are executed, the answers fit the socket's
// buffer. One goroutine does that for many connections, so that a request costs
// a read, a write and a share of one wait. Whatever would block or may take
// long, and every ending, hands the connection to a goroutine of its own.
//
// One poller serves all connections until it is busy. Then there is one more, and
// so on up to one for each processor: a second one that has little to do only takes
// turns with the first, and makes requests wait for that.
type pollers struct {
	server *Server
	all    []*poller
	// open of all, those that connections are given to.
	open atomic.Int32
}

// newPollers starts the pollers of s.
func newPollers(s *Server) (*pollers, error) {
	ps := &pollers{server: s}
	ps.open.Store(1)
	for range s.kernel.Processors() {
		one, err := newPoller(ps)
		if err != nil {
			ps.close()
			return nil, err
		}
		ps.all = append(ps.all, one)
		go one.run()
	}
	return ps, nil
}

// of returns the poller that is to serve a connection.
func (p *pollers) of(fd int) *poller { return p.all[fd%int(p.open.Load())] }

// watch hands c, which waits for its next bytes, to a poller, who may serve it
// before watch returns. It reports false if c cannot be polled.
func (p *pollers) watch(c *serverConn) (watched bool) {
	if p == nil || c.raw == nil {
		return false
	}
	err := c.raw.Control(func(fd uintptr) {
		watched = p.of(int(fd)).add(int(fd), c)
	})
	if err != nil || !watched {
		return false
	}
	if c.secured != nil && c.polled.CompareAndSwap(true, false) {
		// records may be waiting in TLS already, of which no poller hears
		c.turn()
	}
	return true
}

func (p *pollers) close() {
	if p == nil {
		return
	}
	for _, one := range p.all {
		// ends run
		_ = one.epoll.Close()
	}
}

// A poller waits for many connections at once. While requests keep coming it does
// so in the kernel, and keeps its processor. Its epoll descriptor is itself waited
// for by the runtime, so that a poller with nothing to do holds no thread.
type poller struct {
	pollers *pollers
	epoll   Epoll
	// Lends its descriptor.
	raw syscall.RawConn

	// Of run.
	events [maxEvents]EpollEvent
	// n of events, those that the last wait found.
	n int
	// How that went.
	failed error
	// Waits as the runtime has it.
	park func(uintptr) bool
	// Waits without giving the processor away.
	keep func(uintptr)
	// When other goroutines had theirs.
	turn int64
	// When it last found out whether it was busy.
	looked int64
	// How long it has waited since.
	waited int64

	// Guards conns.
	mu sync.Mutex
	// conns by file descriptor.
	conns []*serverConn
}

func newPoller(of *pollers) (*poller, error) {
	kernel := of.server.kernel
	epoll, err := kernel.EpollCreate()
	if err != nil {
		return nil, err
	}
	p := &poller{pollers: of, epoll: epoll}
	p.park = func(epoll uintptr) bool {
		p.n, p.failed = kernel.EpollWait(int(epoll), p.events[:], 0)
		return p.n > 0 || p.failed != nil && !errors.Is(p.failed, syscall.EINTR)
	}
	p.keep = func(epoll uintptr) { p.n, p.failed = kernel.EpollWait(int(epoll), p.events[:], keptWait) }
	if p.raw, err = epoll.SyscallConn(); err != nil {
		_ = epoll.Close()
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
	c.attend(false)
	c.polled.Store(true)
	if p.control(syscall.EPOLL_CTL_ADD, fd) == nil {
		// so that nobody adds it again in between
		p.mu.Lock()
		// dropped before it was added: nobody would ever remove it
		if p.conns[fd] == nil {
			// its new owner may have closed it
			_ = p.control(syscall.EPOLL_CTL_DEL, fd)
		}
		p.mu.Unlock()
		// Interrupted before it was polled, it would not notice by itself. Had
		// the poller served and dropped it meanwhile, this would be harmless.
		c.recheck()
		return true
	}
	// Unless it was interrupted meanwhile, it is still the caller's.
	if !c.polled.CompareAndSwap(true, false) {
		return true
	}
	c.attend(true)
	return false
}

// remove ends waiting for c, which its caller owns.
func (p *poller) remove(c *serverConn) {
	// fails if it is closed, which removes it, too
	_ = c.raw.Control(func(fd uintptr) {
		p.mu.Lock()
		p.conns[fd] = nil
		p.mu.Unlock()
		// cannot fail for what was added
		_ = p.control(syscall.EPOLL_CTL_DEL, int(fd))
	})
}

func (p *poller) control(op, fd int) error {
	var failed error
	err := p.raw.Control(func(epoll uintptr) {
		failed = p.pollers.server.kernel.EpollCtl(int(epoll), op, fd, syscall.EPOLLIN|syscall.EPOLLRDHUP)
	})
	return errors.Join(err, failed)
}

// run serves connections until the poller is closed.
func (p *poller) run() {
	ready := make([]*serverConn, 0, maxEvents)
	for p.wait() == nil {
		p.mu.Lock()
		for _, e := range p.events[:max(p.n, 0)] {
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

// wait waits until connections are ready. An error says that the poller is closed.
func (p *poller) wait() error {
	server := p.pollers.server
	began := server.config.Now()
	if began-p.turn >= int64(turnTime) {
		p.turn = began
		runtime.Gosched()
	} else if p.n > 0 && server.attended.Load() == 0 {
		if err := p.raw.Control(p.keep); err != nil {
			return err
		}
		if p.n > 0 {
			p.measure(began)
			return nil
		}
	}
	err := p.raw.Read(p.park)
	p.measure(began)
	return err
}

// measure notes a wait that began then, and opens another poller if this one is
// busy.
func (p *poller) measure(began int64) {
	now := p.pollers.server.config.Now()
	p.waited += now - began
	past := now - p.looked
	if past < int64(busyTime) {
		return
	}
	if p.waited < past/busyPart && p.looked != 0 {
		if open := p.pollers.open.Load(); int(open) < len(p.pollers.all) {
			p.pollers.open.CompareAndSwap(open, open+1)
		}
	}
	p.looked, p.waited = now, 0
}

// polling is what a connection needs to be polled.
type polling struct {
	// Nil if it cannot be.
	raw    syscall.RawConn
	poller *poller
	// The socket, if TLS is spoken over it.
	secured *promptSocket
	// True: the poller waits, and whoever makes it false is the owner.
	polled atomic.Bool
	ready  func(fd uintptr)
	// When its last answers were written.
	now int64
	// moves to another poller, by and by.
	moves bool
	// What ready found out: whether the poller may go on, or.
	stay bool
	// What ended that.
	result error
}

// turn serves what has arrived for c, which its caller has taken from the
// poller, and gives c back or on.
func (c *serverConn) turn() {
	c.stay, c.result = false, nil
	if err := c.raw.Control(c.ready); err != nil {
		c.stay, c.result = false, err
	}
	if c.stay && c.await(c.now) {
		if c.moves {
			c.poller.remove(c)
			if !c.server.pollers.watch(c) {
				c.attend(true)
				go c.resume(nil)
			}
			return
		}
		c.polled.Store(true)
		c.recheck()
		return
	}
	if c.stay {
		// its deadline has passed, which it will find out
		c.result = nil
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

// serveReady reads once, executes, and writes what the socket takes at once. While a
// large value arrives faster than it is read, it reads on.
func (c *serverConn) serveReady(fd uintptr) {
	c.moves = c.server.pollers.of(int(fd)) != c.poller
	for left := uploadTurn; ; {
		n, full, err := c.readNow(int(fd), math.MaxInt)
		c.now = c.server.config.Now()
		if n == 0 {
			c.stay = errors.Is(err, syscall.EAGAIN)
			c.result = err
			return
		}
		c.received(n, c.now)
		left -= n
		if more := c.executeNow(fd); !more || !full || left <= 0 {
			return
		}
	}
}

// executeNow executes what has arrived and writes what the socket takes at once. It
// reports whether that was nothing but a part of a request; c.stay says whether the
// poller may go on.
func (c *serverConn) executeNow(fd uintptr) (part bool) {
	part = true
	for began := c.now; ; part = false {
		all, failed := c.session.ExecuteQuick(began)
		pending := c.session.Pending()
		if len(pending) == 0 {
			c.stay = all && failed == nil
			c.session.Release()
			c.now = c.server.config.Now()
			c.session.Measure(began, c.now)
			// a request that is whole may be left to a goroutine; nothing may be read then
			return part && c.stay
		}
		if !all || failed != nil || c.slot != servingSlot || !c.writeNow(int(fd), pending) {
			c.stay = false
			// a goroutine goes on with what is pending
			return false
		}
	}
}

// writeNow writes what a non-blocking socket takes of the answers and reports
// whether that is all.
func (c *serverConn) writeNow(fd int, pending net.Buffers) bool {
	if c.secured != nil {
		return c.writeRecords(pending)
	}
	var n int // an error comes again when it is tried for the rest
	if len(pending) == 1 {
		n, _ = c.server.kernel.Write(fd, pending[0])
	} else {
		n, _ = c.server.kernel.Writev(fd, pending)
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
	c.attend(true)
	c.poller.remove(c)
	go c.resume(c.result)
}
