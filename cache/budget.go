package cache

import (
	"sync/atomic"

	"github.com/Zezezknight/cryptomem/cache/bounded"
)

// pageSize is the unit in which memory is charged: the operating system's page.
// Charging whole segments would count each open segment of each deadline in full,
// however little of it is written.
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
	// warm is how many of the used pages are warm.
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

// reserve charges n pages and reports whether it did; it charges all or nothing.
// With reserve set, it may use the reserved pages too.
func (b *budget) reserve(n int, reserve bool) bool {
	limit := b.max
	if !reserve {
		limit -= b.reserved
	}
	_, ok := b.used.AddWithin(int64(n), limit)
	return ok
}

// fits reports whether n pages are free, not counting the reserve.
func (b *budget) fits(n int) bool { return b.used.Load()+int64(n) <= b.max-b.reserved }

// put gives n pages back.
func (b *budget) put(n int) { b.used.Add(-int64(n)) }
