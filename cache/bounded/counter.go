// Package bounded has a counter with an upper bound: for bytes of an account, pages
// of a store, connections of an identity.
package bounded

import "sync/atomic"

// A Counter is an atomic number that AddWithin keeps within a bound, even when
// several goroutines add at once. The zero Counter stands at 0.
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
