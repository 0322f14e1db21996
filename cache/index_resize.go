package cache

import (
	"encoding/binary"
	"sync"
)

// Tables grow by a page up to sixteen pages, then split in two of eight;
// they shrink, and merge with their neighbour, at half load. Every step is one
// pass over at most two tables.

// scratch holds the words of two tables while they are rebuilt.
type scratch [2 * tableWords]word

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// collect appends the table's words to list.
func (t *table) collect(list []word) []word {
	for b := t.bytes; len(b) >= wordSize; b = b[wordSize:] {
		if w := binary.LittleEndian.Uint64(b); w != 0 {
			list = append(list, word(w))
		}
	}
	return list
}

// fits reports whether a table of so many pages can hold the words, which are in
// order, with the last two places free.
func fits(list []word, depth uint, pages int) bool {
	if len(list) > limitFor(pages) {
		return false
	}
	places, next := pages*wordsPerPage, 0
	for _, w := range list {
		next = max(next, homeOf(w.tag(), depth, places))
		if next >= places-2 {
			return false
		}
		next++
	}
	return true
}

// fitting returns the least number of pages, from first to last, that fits; 0 if none
// does.
func fitting(list []word, depth uint, first, last int) int {
	for pages := first; pages <= last; pages++ {
		if fits(list, depth, pages) {
			return pages
		}
	}
	return 0
}

// lay fills the table with the words, which fit and are in order.
func (t *table) lay(list []word) {
	clear(t.bytes)
	t.n, t.shrinkAt = len(list), limitFor(t.pages)/2
	next := 0
	for _, w := range list {
		next = max(next, t.home(w.tag()))
		t.set(next, w)
		next++
	}
}

// newTable returns a table of so many pages, or nil if there is no memory for it.
func (s *shard) newTable(pages int, depth uint) *table {
	x := &s.index
	if !s.charge(pages, memIndex) {
		return nil
	}
	t := &table{pages: pages, depth: depth}
	switch n := len(x.free); {
	case n > 0:
		t.unit = x.free[n-1]
		x.free = x.free[:n-1]
	case x.fresh < x.space.units():
		t.unit = x.fresh
		x.fresh++
	default:
		s.refund(pages, memIndex)
		s.need = pages
		return nil
	}
	t.bytes = x.space.unit(t.unit)[:pages*pageSize]
	x.depths[depth]++
	return t
}

// dropTable gives up a table's memory, as dropSegment does.
func (s *shard) dropTable(t *table) {
	s.index.depths[t.depth]--
	s.memory[memIndex] -= t.pages
	s.memory[memFree] += t.pages
	s.dropped = append(s.dropped, unit{space: s.index.space, id: t.unit, free: t.pages})
}

// point makes the directory lead to t for every tag that shares t's prefix
// with the given tag.
func (x *index) point(tag uint64, t *table) {
	span := uint64(1) << (x.depth - t.depth)
	first := tag >> (tagBits - t.depth) << (x.depth - t.depth)
	for i := first; i < first+span; i++ {
		x.dir[i] = t
	}
}

// ensure makes room for one more word under the tag. It fails if there is no
// memory for it; the index then finds the same records as before.
func (s *shard) ensure(tag uint64) bool {
	for {
		t := s.index.table(tag)
		if t.roomy() {
			return true
		}
		if !s.grow(tag, t) {
			return false
		}
	}
}

// grow gives a table more pages, or splits it.
func (s *shard) grow(tag uint64, t *table) bool {
	buf := scratches.Get().(*scratch)
	defer scratches.Put(buf)
	list := t.collect(buf[:0])
	pages := fitting(list, t.depth, t.pages+1, tablePages)
	if pages == 0 {
		return s.split(tag, t, list)
	}
	if !s.charge(pages-t.pages, memIndex) {
		return false
	}
	t.pages = pages
	t.bytes = s.index.space.unit(t.unit)[:pages*pageSize]
	t.lay(list)
	return true
}

// split replaces a table by two, each with half of its tags.
func (s *shard) split(tag uint64, t *table, list []word) bool {
	x := &s.index
	depth := t.depth + 1
	if depth > maxDepth {
		s.need = tablePages
		return false
	}
	middle := (tag>>(tagBits-t.depth)<<1 | 1) << (tagBits - depth)
	n := 0
	for n < len(list) && list[n].tag() < middle {
		n++
	}
	low := s.tableFor(list[:n], depth, tablePages/2)
	if low == nil {
		return false
	}
	high := s.tableFor(list[n:], depth, tablePages/2)
	if high == nil {
		s.dropTable(low)
		return false
	}
	if depth > x.depth {
		dir := make([]*table, 2*len(x.dir))
		for i, d := range x.dir {
			dir[2*i], dir[2*i+1] = d, d
		}
		x.dir, x.depth = dir, depth
	}
	x.point(middle-1, low)
	x.point(middle, high)
	s.dropTable(t)
	return true
}

// tableFor returns a new table of at least so many pages that holds the words.
func (s *shard) tableFor(list []word, depth uint, pages int) *table {
	if pages = fitting(list, depth, pages, tablePages); pages == 0 {
		s.need = tablePages
		return nil
	}
	t := s.newTable(pages, depth)
	if t != nil {
		t.lay(list)
	}
	return t
}

// shrink gives pages of a table back when it is half empty, merging it with
// its neighbour where both fit one table. If there is no memory for the copy,
// it does nothing.
func (s *shard) shrink(tag uint64, t *table) {
	if t.n >= t.shrinkAt || s.tight() {
		return
	}
	x := &s.index
	if t.depth > 0 {
		buddy := x.table(tag ^ 1<<(tagBits-t.depth))
		if buddy.depth == t.depth && t.n+buddy.n <= limitFor(tablePages/2)*3/4 {
			s.merge(tag, t, buddy)
			return
		}
	}
	if t.pages == 1 {
		return
	}
	buf := scratches.Get().(*scratch)
	defer scratches.Put(buf)
	list := t.collect(buf[:0])
	pages := fitting(list, t.depth, pagesFor(t.n), t.pages-1)
	if pages == 0 {
		// The words left lie close together, as during a flush. Trying again after the
		// next removal would most likely fail, too.
		t.shrinkAt = t.n / 2
		return
	}
	if less := s.newTable(pages, t.depth); less != nil {
		less.lay(list)
		x.point(tag, less)
		s.dropTable(t)
	}
}

// pagesFor returns the pages that n words fill to three quarters of the limit.
func pagesFor(n int) (pages int) {
	for pages = 1; pages < tablePages && n > limitFor(pages)*3/4; pages++ {
	}
	return pages
}

// merge replaces two tables, neighbours of the same depth, by one, and halves the
// directory when no table needs its last bit any more.
func (s *shard) merge(tag uint64, t, buddy *table) {
	x := &s.index
	low, high := t, buddy
	if tag&(1<<(tagBits-t.depth)) != 0 {
		low, high = buddy, t
	}
	buf := scratches.Get().(*scratch)
	defer scratches.Put(buf)
	list := high.collect(low.collect(buf[:0]))
	both := s.tableFor(list, t.depth-1, pagesFor(len(list)))
	if both == nil {
		return
	}
	x.point(tag, both)
	s.dropTable(low)
	s.dropTable(high)
	for x.depth > 0 && x.depths[x.depth] == 0 {
		half := make([]*table, len(x.dir)/2)
		for i := range half {
			half[i] = x.dir[2*i]
		}
		x.dir = half
		x.depth--
	}
}
