// Package bounded counts what may not pass a bound: bytes of an account, pages of
// a store, connections of an identity. It knows nothing of what it counts.
package bounded

import "sync/atomic"

// A Counter is an atomic number to which AddWithin adds no more than a bound
// allows. Several goroutines that add at once never pass the bound together, not
// for a moment. The zero Counter stands at 0.
type Counter struct{ atomic.Int64 }

// AddWithin adds n, which is not negative, unless the sum would pass limit. It
// returns what the sum is or would have been (at most the largest int64), and
// whether n was added.
func (c *Counter) AddWithin(n, limit int64) (sum int64, added bool) {
	for {
		before := c.Load()
		sum = before + n
		if sum < before {
			return 1<<63 - 1, false
		}
		if sum > limit {
			return sum, false
		}
		if c.CompareAndSwap(before, sum) {
			return sum, true
		}
	}
}
