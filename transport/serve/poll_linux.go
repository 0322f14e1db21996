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

// maxEvents is how many ready connections one wait returns at most.
const maxEvents = 128

const (
	// keptWait is how long a poller that has just served keeps its processor while
	// it waits for more, in milliseconds. With few connections, requests follow each
	// other sooner, and parking and waking for each costs more than serving it.
	keptWait = 8

	// turnTime is how long a poller serves before it yields its processor to other
	// goroutines, and to the runtime to look for those whose connections are ready.
	turnTime = 5 * time.Millisecond

	// busyTime is the period over which a poller measures whether it is busy: whether
	// it has waited less than one part in busyPart of the time.
	busyTime = 200 * time.Millisecond
	busyPart = 16

	// uploadTurn is how much of a large value a poller reads before it turns to
	// other connections, in bytes. With smaller pieces, a value would wait for the
	// answers to all other connections many times.
	uploadTurn = 512 << 10
)

// pollers serve socket connections without a goroutine each, as long as requests can be
// executed at once and the answers fit the socket's buffer. One goroutine does that for
// many connections, so that a request costs a read, a write and a share of one wait. A
// request that would block or may take long, or the end of a connection, hands it to a
// goroutine of its own.
//
// One poller serves all connections until it is busy. Then another one is opened, up
// to one for each processor. A second one with little to do would only take
// turns with the first, and make requests wait.
type pollers struct {
	server *Server
	all    []*poller
	// open is how many of all are given connections.
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

// own takes a new connection, if the pollers can wait for it, out of the runtime's
// poller.
func (p *pollers) own(conn net.Conn) net.Conn {
	if p == nil {
		return conn
	}
	if _, real := p.server.kernel.(system); !real {
		return conn
	}
	return bare(conn)
}

// watch hands c, which waits for its next bytes, to a poller, which may serve it
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
		// TLS may have read records already, which no poller would notice.
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

// A poller waits for many connections at once. While requests keep coming it waits
// in the kernel, and keeps its processor. Otherwise it waits through the runtime,
// which polls the epoll descriptor, so that an idle poller blocks no thread.
type poller struct {
	pollers *pollers
	epoll   Epoll
	// raw gives access to the descriptor of epoll.
	raw syscall.RawConn

	// events is where a wait puts what is ready; this and the fields up to waited belong
	// to run.
	events [maxEvents]EpollEvent
	// n is how many events the last wait found.
	n int
	// failed is the error of the last wait.
	failed error
	// park waits through the runtime, which can use the processor meanwhile.
	park func(uintptr) bool
	// keep waits without giving up the processor.
	keep func(uintptr)
	// turn is when the poller last yielded its processor.
	turn int64
	// looked is when the poller last measured whether it is busy.
	looked int64
	// waited is how long it has waited since looked.
	waited int64

	// mu guards conns.
	mu sync.Mutex
	// conns is indexed by file descriptor.
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
		// Under mu, so that it is not added again in between.
		p.mu.Lock()
		// It was dropped before it was added, and would never be removed.
		if p.conns[fd] == nil {
			// This fails if its new owner has closed it.
			_ = p.control(syscall.EPOLL_CTL_DEL, fd)
		}
		p.mu.Unlock()
		// Interrupted before it was polled, it would not notice by itself. Had
		// the poller served and dropped it meanwhile, this would be harmless.
		c.recheck()
		return true
	}
	// Unless c was interrupted meanwhile, it still belongs to the caller.
	if !c.polled.CompareAndSwap(true, false) {
		return true
	}
	c.attend(true)
	return false
}

// remove stops waiting for c, which the caller must own.
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
			// If not, another owner has taken it, or it is gone.
			if c != nil && c.polled.CompareAndSwap(true, false) {
				c.turn()
			}
			ready[i] = nil
		}
		ready = ready[:0]
	}
}

// wait waits until connections are ready. An error means that the poller is closed.
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

// measure adds up a wait that began at began, and opens another poller if this one is
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
	// raw is nil if the connection cannot be polled.
	raw    syscall.RawConn
	poller *poller
	// secured is the socket below TLS, nil without TLS.
	secured *promptSocket
	// polled is true while the poller waits for the connection. The goroutine that makes
	// it false owns the connection.
	polled atomic.Bool
	ready  func(fd uintptr)
	// now is when the last answers were written.
	now int64
	// moves is set once the connection is to move to another poller after its next turn.
	moves bool
	// stay is set by ready: whether the poller may keep the connection.
	stay bool
	// result is set by ready: the error that the connection ends with, if any.
	result error
}

// turn serves what has arrived for c, which the caller has taken from the poller, and
// then gives c back to the poller or to a goroutine.
func (c *serverConn) turn() {
	c.stay, c.result = false, nil
	c.borrow()
	if err := c.raw.Control(c.ready); err != nil {
		c.stay, c.result = false, err
	}
	if c.stay && c.await(c.now) {
		c.giveBack()
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
		// Its deadline has passed; resume handles that.
		c.result = nil
	}
	if errors.Is(c.result, io.EOF) {
		// The client has ended the connection. It gets no goroutine, because there would
		// be many of them when many clients leave at once.
		c.poller.remove(c)
		c.finish()
		return
	}
	c.unwatch()
}

// serveReady reads once, executes, and writes what the socket takes at once. While a
// large value arrives faster than it is read, it keeps reading.
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
// reports whether that was only a part of a request; c.stay says whether the
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
			// The rest may be a complete request for a goroutine, which must come before
			// anything is read.
			return part && c.stay
		}
		if !all || failed != nil || c.slot != servingSlot || !c.writeNow(int(fd), pending) {
			c.stay = false
			// A goroutine goes on with what is pending.
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
	// An error comes again when a goroutine writes the rest.
	var n int
	if len(pending) == 1 {
		n, _ = c.server.kernel.Write(fd, pending[0])
	} else {
		n, _ = c.server.kernel.Writev(fd, pending)
	}
	c.sent(max(n, 0))
	return c.session.Unsent() == 0
}

// recheck takes c back from the poller if it was interrupted before it was
// polled, when unpoll had no effect yet.
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
