package cryptomem_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// A recorder is an Observer that remembers what it saw.
type recorder struct {
	mu       sync.Mutex
	seen     []cryptomem.Command
	failures []error
	waits    atomic.Int32 // of its waiters, those who have found a lease taken
}

func (r *recorder) Begin(ctx context.Context, command cryptomem.Command) (context.Context, func(cryptomem.Outcome)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, command)
	return ctx, func(o cryptomem.Outcome) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if o.Failed() {
			r.failures = append(r.failures, o.Err)
		}
	}
}

func (r *recorder) commands() []cryptomem.Command {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]cryptomem.Command(nil), r.seen...)
}

func (r *recorder) count(command cryptomem.Command) (n int) {
	for _, c := range r.commands() {
		if c == command {
			n++
		}
	}
	return n
}

func (r *recorder) errors() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]error(nil), r.failures...)
}

// waiter returns the observer of a client that is going to wait.
func (r *recorder) waiter() cryptomem.Observer { return &waiter{of: r} }

func (r *recorder) waiters(string) int { return int(r.waits.Load()) }

// A waiter tells its recorder when it has found a lease taken.
type waiter struct {
	of   *recorder
	once sync.Once
}

func (w *waiter) Begin(ctx context.Context, command cryptomem.Command) (context.Context, func(cryptomem.Outcome)) {
	return ctx, func(o cryptomem.Outcome) {
		if command == cryptomem.CommandAdd && errors.Is(o.Err, cryptomem.ErrExists) {
			w.once.Do(func() { w.of.waits.Add(1) })
		}
	}
}

// far is a dialer over connections on which every answer takes so long each way.
func (w *world) far(oneWay time.Duration) cryptomem.DialFunc {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		nc, err := w.dial(ctx, addr)
		return &farConn{Conn: nc, takes: func() { w.clock.Add(2 * oneWay) }}, err
	}
}

type farConn struct {
	net.Conn
	takes func()
}

func (f *farConn) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	f.takes()
	return n, err
}

// A heldDialer makes connections whose answers it can hold back.
type heldDialer struct {
	below cryptomem.DialFunc

	mu   sync.Mutex
	left int // answers to let through
	hold chan struct{}
	held bool
}

func newHeldDialer(below cryptomem.DialFunc) *heldDialer { return &heldDialer{below: below} }

func (h *heldDialer) dial(ctx context.Context, addr string) (net.Conn, error) {
	nc, err := h.below(ctx, addr)
	return &heldConn{Conn: nc, by: h}, err
}

// after holds back all answers after the next n.
func (h *heldDialer) after(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left, h.hold = n, make(chan struct{})
}

func (h *heldDialer) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.hold)
	h.hold, h.held = nil, false
}

// holding reports whether there is an answer that is held back.
func (h *heldDialer) holding() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.held
}

func (h *heldDialer) pass() {
	h.mu.Lock()
	hold := h.hold
	if hold != nil && h.left > 0 {
		h.left--
		hold = nil
	}
	h.held = h.held || hold != nil
	h.mu.Unlock()
	if hold != nil {
		<-hold
	}
}

type heldConn struct {
	net.Conn
	by *heldDialer
}

func (c *heldConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.by.pass()
	}
	return n, err
}
