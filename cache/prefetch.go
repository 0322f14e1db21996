package cache

import "unsafe"

// MaxPrefetch is how many keys Prefetch looks at.
const MaxPrefetch = 16

// How many cache lines are fetched, from where a search in the index begins and from a
// record's start. Reading on, the processor fetches the rest by itself.
const (
	indexLines  = 2
	recordLines = 3
)

// addresses are where the cache's memory is to be fetched, one for each key.
type addresses [MaxPrefetch]*byte

// Prefetch starts to load what operations on these keys will read, for all of them
// at once rather than one after another. An item that is not in the processor's
// cache is two dependent accesses to memory away, one for the index and one for the
// record. It looks at the first MaxPrefetch keys, changes nothing, and does not count
// as a use of the items.
//
// Addresses are gathered first and fetched afterwards, because taking a lock between two
// fetches makes the second one wait until the processor has found the first one's page.
func (c *Cache) Prefetch(keys [][]byte) {
	keys = keys[:min(len(keys), MaxPrefetch)]
	var hashes [MaxPrefetch]uint64
	var words, records, segments addresses
	for i, key := range keys {
		s, h := c.shard(key)
		hashes[i] = h
		s.mu.Lock()
		words[i] = s.wordAddress(h)
		s.mu.Unlock()
	}
	prefetch(words[:len(keys)], indexLines)
	n := 0
	for _, h := range hashes[:len(keys)] {
		s := c.shards[h>>c.shift]
		s.mu.Lock()
		if p := s.likelyPosition(h); p != 0 {
			records[n], segments[n] = s.recordAddress(p)
			n++
		}
		s.mu.Unlock()
	}
	prefetch(records[:n], recordLines)
	prefetch(segments[:n], 1)
}

// wordAddress returns where a search for the hash begins in the index.
func (s *shard) wordAddress(h uint64) *byte {
	tag := s.tag(h)
	t := s.index.table(tag)
	return &t.bytes[t.home(tag)*wordSize]
}

// likelyPosition returns the position that the first word with the hash's tag names, or
// 0. Few keys share a tag, so it is most likely that of the key's record.
func (s *shard) likelyPosition(h uint64) position {
	tag := s.tag(h)
	t := s.index.table(tag)
	if w := t.word(t.seek(tag)); w != 0 && w.tag() == tag {
		return w.position()
	}
	return 0
}

// recordAddress returns where the record at p begins, and the descriptor of its segment.
func (s *shard) recordAddress(p position) (record, segment *byte) {
	descriptor := unsafe.Pointer(&s.segs[p.segment()]) //nolint:gosec // the address is all that counts
	return &s.space.from(p)[0], (*byte)(descriptor)
}
