package cache

import (
	"math"
	"sync/atomic"
	"time"
)

// Freed segments of large values stay warm for the next ones: their pages remain
// with the process and are charged as free memory. Giving pages back and taking
// others from the operating system costs several times as much as copying a value
// into them.
const (
	// Up to one page in warmShare of a shard's share of the limit may be warm, or
	// warmPages if that is more, but never more than half.
	warmShare = 8
	warmPages = 4 << 20 / pageSize
	// In a full cache warm pages take room from items: one in warmFullShare may be
	// warm, or as many as the value being written needs, but never more than one
	// in warmFullMost.
	warmFullShare, warmFullMost = 64, 16
	// coolPeriod is how often pages that were not needed in the meantime are given back.
	coolPeriod = time.Second
)

// warm is a shard's stock of warm segments.
type warm struct {
	// lists holds the first segment of each number of pages; the others are linked by next.
	lists [segmentPages + 1]int32
	// pages is how many there are in all; it is read without the lock.
	pages atomic.Int64
	// least is the lowest that pages has been since the last cooling.
	least int
	// share is the shard's share of the limit, in pages.
	share int
	// max is how many pages may be warm, and full how many while the cache is full.
	// full changes under Cache.reclaimMu and the shard's lock.
	max, full int
	// coolAt is the cache time of the next cooling, 0 if none is due.
	coolAt int64
	// told is set once the janitor knows that there is something to cool.
	told bool
}

func (w *warm) init(share int) {
	for i := range w.lists {
		w.lists[i] = none
	}
	w.max = max(share/warmShare, min(warmPages, share/2))
	w.share = share
	w.fill(0)
}

// fill says that the cache is full, and that a write needs n pages.
func (w *warm) fill(n int) {
	w.full = max(w.share/warmFullShare, min(n, w.share/warmFullMost))
}

// keepWarm keeps a segment of n pages, which are charged as free memory.
func (s *shard) keepWarm(id int32, n int) {
	w := &s.warm
	s.segs[id] = segment{kind: unused, next: w.lists[n], spare: n}
	w.lists[n] = id
	w.pages.Add(int64(n))
	s.budget.warm.Add(int64(n))
	if !w.told {
		w.told = true
		s.poke.signal()
	}
}

// wantsWarm reports whether n more pages may be warm.
func (s *shard) wantsWarm(n int) bool {
	limit := s.warm.max
	if s.reserve {
		limit = s.warm.full
	}
	return int(s.warm.pages.Load())+n <= limit
}

// takeWarm returns a warm segment for n pages of a large value, with n pages or up to
// an eighth more; or none.
func (s *shard) takeWarm(n int) int32 {
	w := &s.warm
	if int(w.pages.Load()) < n {
		return none
	}
	for pages := n; pages <= min(n+n/8, segmentPages); pages++ {
		if id := w.lists[pages]; id != none {
			s.takeFrom(pages)
			return id
		}
	}
	return none
}

// takeFrom takes the first segment from the list of those with n pages.
func (s *shard) takeFrom(n int) int32 {
	w := &s.warm
	id := w.lists[n]
	w.lists[n] = s.segs[id].next
	w.least = min(w.least, int(w.pages.Add(-int64(n))))
	s.budget.warm.Add(-int64(n))
	return id
}

// cool makes unlock give back warm segments until n pages or more have gone, or at
// most keep pages are warm. The largest go first: they fit the fewest values.
func (s *shard) cool(n, keep int) {
	for pages := segmentPages; pages > 0 && n > 0 && int(s.warm.pages.Load()) > keep; {
		if s.warm.lists[pages] == none {
			pages--
			continue
		}
		id := s.takeFrom(pages)
		s.segs[id].spare = 0
		s.dropped = append(s.dropped, unit{space: s.space, id: id, free: pages})
		n -= pages
	}
}

// coolIdle gives back the warm pages that were not needed in the last period, and
// returns when to call it again, MaxInt64 if nothing is warm.
func (s *shard) coolIdle(now int64) (next int64) {
	w := &s.warm
	if now >= w.coolAt {
		if w.coolAt != 0 {
			s.cool(w.least, 0)
		}
		if w.least = int(w.pages.Load()); w.least == 0 {
			w.coolAt, w.told = 0, false
			return math.MaxInt64
		}
		w.coolAt = now + int64(coolPeriod)
	}
	return w.coolAt
}
