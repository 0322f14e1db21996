package valkeystore

import (
	"sync"

	"golang.org/x/sync/semaphore"
)

// A room bounds the calls in flight. A call that its caller has given up keeps
// its place until valkey-go is done with it, which a later ping on the same
// connection tells: answers come in order.
type room struct {
	size   int64
	places *semaphore.Weighted

	mu       sync.Mutex // guards what follows
	orphans  map[uint16]int64
	sweeping bool
}

// leave gives a place back.
func (r *room) leave() { r.places.Release(1) }

// abandon leaves the place of a call that was given up to the sweeper.
func (b *backend) abandon(slot uint16) {
	r := b.room(slot)
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

// sweep gives back the places of orphans, one slot after the other, so that it
// takes one place itself.
func (b *backend) sweep(r *room) {
	for {
		slot, n, ok := r.take()
		if !ok {
			return
		}
		_ = b.ping(slot) // an error is the end of the connection, and of all calls on it
		r.places.Release(n)
	}
}

// take returns some slot's orphans, which are the caller's from now on.
func (r *room) take() (slot uint16, n int64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for slot, n = range r.orphans {
		delete(r.orphans, slot)
		return slot, n, true
	}
	r.sweeping = false
	return 0, 0, false
}
