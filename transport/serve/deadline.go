package serve

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
)

// longAgo is a deadline in the past: setting it ends reads and writes that wait on a
// connection.
var longAgo = time.Unix(1, 0)

// cut marks a deadline that has passed, when its connection is interrupted.
const cut = -1

// A deadline is the instant by which a connection must have made progress. The
// connection moves it; the watchdog acts on it.
type deadline struct {
	// at is that instant, 0 if there is none.
	at atomic.Int64
	// due is when the watchdog looks at it, never after at; 0 if it does not.
	due atomic.Int64
	// place is the index in the watchdog's queue; the watchdog's mu guards it.
	place int
}

// watchdog interrupts connections whose deadline has passed, at that instant of
// the injected clock. One timer, armed for the head of a queue, serves all of
// them.
//
// Most deadlines are moved to a later instant long before they pass. So a request
// costs its connection no more than a swap and a load: its place in the queue is
// still that of an earlier deadline, and when that comes the watchdog looks at the
// present one and queues the connection again. Only a deadline before that
// place takes the lock.
type watchdog struct {
	server *Server

	// mu guards the fields below.
	mu    sync.Mutex
	queue queue
	timer *clock.Timer
	// armed is the instant that the timer is armed for, 0 if it is not armed.
	armed   int64
	stopped bool
}

// set moves c's deadline to the instant at, 0 for none. It reports false if the
// old one has passed and c is being cut.
func (w *watchdog) set(c *serverConn, at int64) bool {
	d := &c.deadline
	if d.at.Swap(at) == cut {
		d.at.Store(cut)
		return false
	}
	if due := d.due.Load(); at != 0 && (due == 0 || at < due) {
		w.expect(c, at)
	}
	return true
}

// expect has the watchdog look at c by the instant at.
func (w *watchdog) expect(c *serverConn, at int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := &c.deadline
	switch due := d.due.Load(); {
	case w.stopped:
		return
	case due == 0:
		d.due.Store(at)
		heap.Push(&w.queue, c)
	case at < due:
		d.due.Store(at)
		heap.Fix(&w.queue, d.place)
	}
	w.arm()
}

// arm requires the lock.
func (w *watchdog) arm() {
	if w.stopped || len(w.queue) == 0 {
		return
	}
	at := w.queue[0].deadline.due.Load()
	if w.armed != 0 && w.armed <= at {
		// The timer is armed for the rest when it fires.
		return
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	w.armed = at
	if wait := at - w.server.config.Now(); wait > 0 {
		w.timer = w.server.config.Clock.AfterFunc(time.Duration(wait), w.look)
	} else {
		// A timer for now would not fire before a mock clock moves again.
		go w.look()
	}
}

// look interrupts what is overdue and arms the timer for the rest.
func (w *watchdog) look() {
	for _, c := range w.overdue() {
		// a broken connection notices by itself
		_ = c.SetDeadline(longAgo)
		c.unpoll()
	}
}

// overdue marks connections whose deadline has passed as cut and returns them.
func (w *watchdog) overdue() (cuts []*serverConn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = 0
	now := w.server.config.Now()
	for len(w.queue) > 0 && w.queue[0].deadline.due.Load() <= now {
		c := w.queue[0]
		d := &c.deadline
		// Cleared before at is read, so that a connection that moves it meanwhile
		// calls expect.
		d.due.Store(0)
		at := d.at.Load()
		if at > now {
			d.due.Store(at)
			heap.Fix(&w.queue, 0)
			continue
		}
		heap.Pop(&w.queue)
		if at > 0 && d.at.CompareAndSwap(at, cut) {
			cuts = append(cuts, c)
		}
	}
	w.arm()
	return cuts
}

// forget removes c, which no longer sets deadlines.
func (w *watchdog) forget(c *serverConn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.deadline.due.Swap(0) != 0 {
		heap.Remove(&w.queue, c.deadline.place)
	}
}

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

// A queue is a heap of connections, the one that is due first at its head.
type queue []*serverConn

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool { return q[i].deadline.due.Load() < q[j].deadline.due.Load() }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].deadline.place, q[j].deadline.place = i, j
}

// Push implements heap.Interface.
func (q *queue) Push(c any) {
	conn := c.(*serverConn)
	conn.deadline.place = len(*q)
	*q = append(*q, conn)
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	c := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return c
}
