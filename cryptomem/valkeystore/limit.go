package valkeystore

import (
	"sync"

	"golang.org/x/sync/semaphore"
)

// A callLimit bounds the calls in flight. A call that its caller has given up keeps
// its slot in the limit until valkey-go is done with it, which a later ping on the same
// connection tells: answers come in order.
type callLimit struct {
	size     int64
	inFlight *semaphore.Weighted

	// Guards what follows.
	mu       sync.Mutex
	orphans  map[uint16]int64
	sweeping bool
}

// release ends one call.
func (r *callLimit) release() { r.inFlight.Release(1) }

// leave ends a call that was sent, whose answer is lost or nil. One that its
// caller has given up is still under way.
func (b *backend) leave(slot uint16, lost error) {
	if isContext(lost) {
		b.abandon(slot)
	} else {
		b.limit(slot).release()
	}
}

// abandon leaves a call that was given up to the sweeper.
func (b *backend) abandon(slot uint16) {
	r := b.limit(slot)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.orphans == nil {
		r.orphans = make(map[uint16]int64)
	}
	r.orphans[slot]++
	if !r.sweeping {
		r.sweeping = true
		go b.sweep(r)
	}
}

// sweep ends the orphans, one slot after the other, so that it
// counts as one call itself.
func (b *backend) sweep(r *callLimit) {
	for {
		slot, n, ok := r.nextOrphans()
		if !ok {
			return
		}
		// an error is the end of the connection, and of all calls on it
		_ = b.ping(slot)
		r.inFlight.Release(n)
	}
}

// nextOrphans returns some slot's orphans, which are the caller's from now on.
func (r *callLimit) nextOrphans() (slot uint16, n int64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for slot, n = range r.orphans {
		delete(r.orphans, slot)
		return slot, n, true
	}
	r.sweeping = false
	return 0, 0, false
}
