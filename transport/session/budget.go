package session

import (
	"math"
	"sync/atomic"
)

// A Budget bounds the memory that requests in flight may use over all sessions
// that share it. It is safe for concurrent use; a nil Budget has no bound.
type Budget struct {
	limit  atomic.Int64
	used   atomic.Int64
	parent *Budget // of a share
}

// Share returns a Budget of at most three quarters of b, so that no one who has
// a share can use up all.
func (b *Budget) Share() *Budget { return &Budget{parent: b} }

// NewBudget returns a Budget of limit bytes; below 0 there is no bound.
func NewBudget(limit int64) *Budget {
	b := new(Budget)
	b.SetLimit(limit)
	return b
}

// SetLimit replaces the bound. What is reserved beyond a lower one stays
// reserved until its requests are done.
func (b *Budget) SetLimit(bytes int64) {
	if bytes < 0 {
		bytes = math.MaxInt64
	}
	b.limit.Store(bytes)
}

// Used returns the bytes reserved at the moment.
func (b *Budget) Used() int64 {
	if b == nil {
		return 0
	}
	return b.used.Load()
}

func (b *Budget) reserve(n int) bool {
	if b == nil {
		return true
	}
	limit := b.limit.Load()
	if b.parent != nil {
		if !b.parent.reserve(n) {
			return false
		}
		limit = b.parent.limit.Load() / 4 * 3
	}
	for {
		used := b.used.Load()
		if used+int64(n) > limit {
			b.parent.release(n)
			return false
		}
		if b.used.CompareAndSwap(used, used+int64(n)) {
			return true
		}
	}
}

// charge is reserve without a bound, for memory that is taken already.
func (b *Budget) charge(n int) {
	for ; b != nil; b = b.parent {
		b.used.Add(int64(n))
	}
}

func (b *Budget) release(n int) {
	for ; b != nil; b = b.parent {
		b.used.Add(-int64(n))
	}
}
