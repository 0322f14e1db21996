package cache

import "math/bits"

// Eviction is S3-FIFO over segments. New items enter the admission queue,
// which is held to a fifteenth of the memory; when its oldest segment goes, items
// that were read move to the protected queue and the others are dropped, their
// hashes remembered by the ghost. An item that comes back while the ghost
// remembers it enters the protected queue at once. When the oldest protected
// segment goes, items read since they came or last moved get another round.
//
// Source: Yang et al., "FIFO queues are all you need for cache eviction",
// SOSP 2023; segments in place of objects after Segcache, NSDI 2021.
const (
	// admissionShare is the part of the memory for new items: one in so many.
	admissionShare = 15
	// maxSpared segments in a row may survive nearly whole, as they do when all
	// their items are popular. After that, survivors may fill at most three
	// quarters of a segment, so that a write never has to walk over everything
	// popular.
	maxSpared                      = 4
	keptNumerator, keptDenominator = 3, 4
	// ghostShare is the part of the limit set aside for ghosts: one byte in so many.
	ghostShare = 256
	ghostEntry = 2
)

// ghostBytes returns what the ghosts may use together.
func ghostBytes(o *options) int64 {
	if o.eviction == EvictNone {
		return 0
	}
	return o.maxMemory / ghostShare
}

// evictable returns the segment to evict next.
func (s *shard) evictable() (int32, bool) {
	q := admission
	if all := s.weight[admission] + s.weight[protected]; s.weight[admission]*admissionShare <= all {
		q = protected
	}
	if s.queues[q].first == none {
		q = pools - 1 - q
	}
	id := s.queues[q].first
	return id, id != none
}

// keeps reports whether the victim's item with this word survives.
func (s *shard) keeps(w word, r *record) bool {
	v := &s.victim
	if v.reason != evicting {
		return true
	}
	if v.spared >= maxSpared && mostly(v.kept+r.size, v.used) {
		return false
	}
	return s.survives(w.use(), r.cost())
}

func mostly(kept, used int) bool { return kept*keptDenominator > used*keptNumerator }

// ghost remembers the hashes of about as many evicted items as there are items
// in the shard: a direct-mapped table of 16-bit tags, where the newest wins.
type ghost struct {
	tags []uint16
	mask uint64
	// limit is in entries.
	limit int
}

// add remembers a hash. items is how many items the shard has, which sizes the table.
func (g *ghost) add(h uint64, items int) {
	if g.limit == 0 {
		return
	}
	size := 1 << bits.Len(uint(max(items, 1<<8)))
	for size > g.limit {
		size >>= 1
	}
	if size > len(g.tags) {
		g.tags = make([]uint16, size)
	}
	g.mask = uint64(size - 1)
	g.tags[h&g.mask] = ghostTag(h)
}

// remembers reports whether the hash is there, and removes it.
func (g *ghost) remembers(h uint64) bool {
	if len(g.tags) == 0 || g.tags[h&g.mask] != ghostTag(h) {
		return false
	}
	g.tags[h&g.mask] = 0
	return true
}

// ghostTag is never 0, an empty entry. Its bits lie above those that choose the slot.
func ghostTag(h uint64) uint16 { return uint16(h>>32) | 1 }
