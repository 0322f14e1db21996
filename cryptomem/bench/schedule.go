package bench

import "sync/atomic"

// A schedule says when the requests of an open loop fall due: evenly spaced
// from the run's start on. Workers take them in order; it is for any number of
// them at once.
type schedule struct {
	// Requests a nanosecond.
	rate float64
	// Requests in all.
	count int64
	// First one not taken.
	next atomic.Int64
}

// newSchedule returns a schedule of rate requests a second for so many
// nanoseconds.
func newSchedule(rate float64, span int64) *schedule {
	s := &schedule{rate: rate / 1e9}
	s.count = int64(s.rate * float64(span))
	return s
}

// at returns when the i-th request is due, in nanoseconds since the start.
func (s *schedule) at(i int64) int64 { return int64(float64(i) / s.rate) }

// claim hands out the next requests: those that are due by now, limit at most,
// or else the next one to fall due. It returns the first and how many; none
// when none is left.
func (s *schedule) claim(now int64, limit int) (first, n int64) {
	for {
		first = s.next.Load()
		if first >= s.count {
			return first, 0
		}
		due := int64(float64(now)*s.rate) + 1 - first
		n = min(max(due, 1), int64(limit), s.count-first)
		if s.next.CompareAndSwap(first, first+n) {
			return first, n
		}
	}
}

// left returns how many requests were not claimed.
func (s *schedule) left() int64 { return s.count - min(s.next.Load(), s.count) }
