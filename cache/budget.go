package cache

import (
	"sync/atomic"

	"github.com/Zezezknight/cryptomem/cache/bounded"
)

// pageSize is the unit in which memory is charged: what the operating system
// gives and takes. Charging whole segments instead would let every open
// segment of every deadline eat a segment of the limit.
const pageSize = 4096

// pagesOf returns the pages that n bytes touch.
func pagesOf(n int) int { return (n + pageSize - 1) / pageSize }

// budget is the memory limit, in pages, shared by all shards.
//
// The last pages are a reserve for moving survivors: a segment's survivors are
// copied before the segment is given back, and the limit holds meanwhile. Only
// the holder of Cache.reclaimMu may use it.
type budget struct {
	used bounded.Counter
	// Pages of used that are warm.
	warm     atomic.Int64
	max      int64
	reserved int64
}

// reservePages is two segments: the survivors of one, and the pages they start
// in several others.
const reservePages = 2 * segmentSize / pageSize

func newBudget(bytes int64) *budget {
	pages := bytes / pageSize
	return &budget{max: pages, reserved: min(reservePages, pages/8)}
}

// reserve charges n pages, from the reserve too if told so. It charges all or
// nothing and reports which.
func (b *budget) reserve(n int, reserve bool) bool {
	limit := b.max
	if !reserve {
		limit -= b.reserved
	}
	_, ok := b.used.AddWithin(int64(n), limit)
	return ok
}

// fits reports whether n pages could be taken now, but for the reserve.
func (b *budget) fits(n int) bool { return b.used.Load()+int64(n) <= b.max-b.reserved }

// put gives n pages back.
func (b *budget) put(n int) { b.used.Add(-int64(n)) }
