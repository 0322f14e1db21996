package session

import (
	"math"
	"sync/atomic"

	"github.com/Zezezknight/cryptomem/cache/bounded"
)

// A Budget bounds the memory that arriving requests and unread answers may
// hold over all sessions that share it. It is safe for concurrent use; a nil
// Budget has no bound.
type Budget struct {
	limit atomic.Int64
	used  bounded.Counter
}

// NewBudget returns a Budget of limit bytes; below 0 there is no bound.
func NewBudget(limit int64) *Budget {
	b := new(Budget)
	b.SetLimit(limit)
	return b
}

// SetLimit replaces the bound. If more is held than a lower one allows, it stays held
// until its requests are done.
func (b *Budget) SetLimit(bytes int64) {
	if bytes < 0 {
		bytes = math.MaxInt64
	}
	b.limit.Store(bytes)
}

// Used returns the bytes held at the moment.
func (b *Budget) Used() int64 {
	if b == nil {
		return 0
	}
	return b.used.Load()
}

// A Share is what one peer, which may have many sessions, holds of a Budget: at
// most three quarters, so that no one can use up all. The zero Share holds
// nothing. It is safe for concurrent use; a nil Share has no bound of its own.
type Share struct{ used bounded.Counter }

// Used returns the bytes held at the moment.
func (s *Share) Used() int64 { return s.used.Load() }

func shareOf(limit int64) int64 { return limit / 4 * 3 }

// A reservation counts what a session holds for its peer: incomplete input, values
// that are arriving, and answers that are not read. All of it is charged to the
// server's budget and to the shares of the peer's address and identity.
type reservation struct {
	budget *Budget
	// shares are those of the address and of the identity; each may be nil.
	shares [2]*Share
	bytes  int
}

// reserve charges n bytes more, unless that passes a bound, and reports whether it
// did.
func (r *reservation) reserve(n int) bool {
	if r.budget == nil || n == 0 {
		return true
	}
	limit := r.budget.limit.Load()
	if _, ok := r.budget.used.AddWithin(int64(n), limit); !ok {
		return false
	}
	for i, s := range r.shares {
		if s == nil {
			continue
		}
		if _, ok := s.used.AddWithin(int64(n), shareOf(limit)); !ok {
			for _, s := range r.shares[:i] {
				s.add(-n)
			}
			r.budget.used.Add(-int64(n))
			return false
		}
	}
	r.bytes += n
	return true
}

// reserveUnchecked is reserve without a bound, for what is there already and has one of its own.
func (r *reservation) reserveUnchecked(n int) { r.add(n) }

// release ends the charge for n bytes.
func (r *reservation) release(n int) { r.add(-n) }

func (r *reservation) add(n int) {
	if r.budget == nil || n == 0 {
		return
	}
	r.budget.used.Add(int64(n))
	for _, s := range r.shares {
		s.add(n)
	}
	r.bytes += n
}

func (s *Share) add(n int) {
	if s != nil {
		s.used.Add(int64(n))
	}
}

// belongTo charges what is held to the identity that the peer has shown to be.
func (r *reservation) belongTo(identity *Share) {
	if r.shares[1] != identity {
		r.shares[1].add(-r.bytes)
		identity.add(r.bytes)
		r.shares[1] = identity
	}
}
