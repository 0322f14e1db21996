package transport

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
)

// longAgo is a deadline that wakes whoever waits on a connection.
var longAgo = time.Unix(1, 0)

// cut marks a deadline that has passed with its connection interrupted.
const cut = -1

// A deadline is the instant by which a connection must have made progress:
// 0 if there is none. The connection moves it; the watchdog acts on it.
type deadline struct{ at atomic.Int64 }

// watchdog interrupts connections whose deadline has passed. One timer, armed
// for the earliest deadline it knows, serves all of them: a connection's way
// from request to request costs a store and a load, no timer of its own, and
// the injected clock decides all of it. A deadline that has moved on by the
// time the timer fires is simply looked at again.
type watchdog struct {
	server *Server
	next   atomic.Int64 // what the timer is armed for; MaxInt64 if it is not

	mu      sync.Mutex // guards what follows
	timer   *clock.Timer
	stopped bool
}

func (w *watchdog) init(s *Server) {
	w.server = s
	w.next.Store(math.MaxInt64)
}

// set moves a connection's deadline to the instant at, 0 for none. It reports
// false if the old one has passed and the connection is being cut.
func (w *watchdog) set(d *deadline, at int64) bool {
	if d.at.Swap(at) == cut {
		d.at.Store(cut)
		return false
	}
	if at != 0 && at < w.next.Load() {
		w.arm(at)
	}
	return true
}

func (w *watchdog) arm(at int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || at >= w.next.Load() {
		return
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	w.next.Store(at)
	if wait := at - w.server.config.Now(); wait > 0 {
		w.timer = w.server.config.Clock.AfterFunc(time.Duration(wait), w.look)
	} else {
		go w.look() // a timer would need the clock to move once more
	}
}

// look interrupts what is overdue and arms the timer for the rest.
func (w *watchdog) look() {
	// Cleared before looking, so that a deadline set meanwhile arms by itself.
	w.next.Store(math.MaxInt64)
	now := w.server.config.Now()
	earliest := int64(math.MaxInt64)
	w.server.mu.Lock()
	for c := range w.server.conns {
		at := c.deadline.at.Load()
		switch {
		case at <= 0:
		case at > now:
			earliest = min(earliest, at)
		case c.deadline.at.CompareAndSwap(at, cut):
			_ = c.SetDeadline(longAgo) // a broken connection notices by itself
			c.unpoll()
		}
	}
	w.server.mu.Unlock()
	if earliest != math.MaxInt64 {
		w.arm(earliest)
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
