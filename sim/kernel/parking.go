//go:build linux

package kernel

import (
	"net"
	"os"
)

// A parking is where the one goroutine waits that reads from something, or the one
// that writes: what the runtime's poller is for a descriptor. The kernel's lock
// guards all of it but the channel.
//
// Readiness is edge-triggered: edges that come while no goroutine waits are kept, as
// one, until a goroutine waits or starts over.
type parking struct {
	ready, expired, evicted bool
	// One token: something has changed.
	changed chan struct{}
}

func newParking() parking { return parking{changed: make(chan struct{}, 1)} }

// tell wakes the waiting callers.
func (p *parking) tell() {
	p.ready = true
	p.poke()
}

// seen forgets earlier edges: a goroutine that is about to wait checks the state
// itself. Otherwise chance would decide how many of several edges came before it woke.
func (p *parking) seen() { p.ready = false }

func (p *parking) expire(past bool) {
	p.expired = past
	p.poke()
}

func (p *parking) evict() {
	p.evicted = true
	p.poke()
}

func (p *parking) poke() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// over returns why waiting is not allowed.
func (p *parking) over() error {
	switch {
	case p.evicted:
		return net.ErrClosed
	case p.expired:
		return os.ErrDeadlineExceeded
	}
	return nil
}

// prepare begins: what was told before does not count.
func (k *Kernel) prepare(p *parking) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	p.ready = false
	return p.over()
}

// park waits for the next edge.
func (k *Kernel) park(p *parking) error {
	for {
		k.mu.Lock()
		err, ready := p.over(), p.ready
		if err == nil && ready {
			p.ready = false
		}
		k.mu.Unlock()
		if err != nil || ready {
			return err
		}
		<-p.changed
	}
}

// A loan is a syscall.RawConn.
type loan struct {
	k       *Kernel
	f       *file
	in, out *parking
}

// Control implements syscall.RawConn.
func (l *loan) Control(f func(fd uintptr)) error {
	if err := l.k.borrow(l.f); err != nil {
		return err
	}
	defer l.k.giveBack(l.f)
	f(uintptr(l.f.fd))
	return nil
}

// Read implements syscall.RawConn.
func (l *loan) Read(f func(fd uintptr) bool) error { return l.until(l.in, f) }

// Write implements syscall.RawConn.
func (l *loan) Write(f func(fd uintptr) bool) error { return l.until(l.out, f) }

func (l *loan) until(p *parking, f func(fd uintptr) bool) error {
	if err := l.k.borrow(l.f); err != nil {
		return err
	}
	defer l.k.giveBack(l.f)
	if err := l.k.prepare(p); err != nil {
		return err
	}
	for !f(uintptr(l.f.fd)) {
		if err := l.k.park(p); err != nil {
			return err
		}
	}
	return nil
}
