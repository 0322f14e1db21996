package cache

import "unsafe"

// MaxPrefetch is how many keys Prefetch looks at.
const MaxPrefetch = 16

// cacheLine is the size of a processor's cache line, in bytes.
const cacheLine = 64

// recordLines is how many cache lines of a record are fetched. Reading on, the
// processor fetches the rest by itself.
const recordLines = 3

// Prefetch starts to load what operations on these keys will read, for all of them
// at once rather than one after another. An item that is not in the processor's
// cache is two dependent accesses to memory away, one for the index and one for the
// record. It looks at the first MaxPrefetch keys, changes nothing, and does not count
// as a use of the items.
func (c *Cache) Prefetch(keys [][]byte) {
	var hashes [MaxPrefetch]uint64
	keys = keys[:min(len(keys), MaxPrefetch)]
	for i, key := range keys {
		s, h := c.shard(key)
		hashes[i] = h
		s.mu.Lock()
		s.prefetchIndex(h)
		s.mu.Unlock()
	}
	for i := range keys {
		s := c.shards[hashes[i]>>c.shift]
		s.mu.Lock()
		s.prefetchRecord(hashes[i])
		s.mu.Unlock()
	}
}

// prefetchIndex fetches the words where a search for the hash begins.
func (s *shard) prefetchIndex(h uint64) {
	tag := s.tag(h)
	t := s.index.table(tag)
	prefetch(&t.bytes[t.home(tag)*wordSize])
}

// prefetchRecord fetches the first lines of the record that the index names for the
// hash, and the descriptor of its segment.
func (s *shard) prefetchRecord(h uint64) {
	tag := s.tag(h)
	t := s.index.table(tag)
	w := t.word(t.seek(tag))
	if w == 0 || w.tag() != tag {
		return
	}
	p := w.position()
	prefetch((*byte)(unsafe.Pointer(&s.segs[p.segment()]))) //nolint:gosec // the address is all that counts
	b := s.space.from(p)
	for at := 0; at < min(len(b), recordLines*cacheLine); at += cacheLine {
		prefetch(&b[at])
	}
}
