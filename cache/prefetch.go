package cache

import "unsafe"

// MaxPrefetch is how many keys Prefetch looks at.
const MaxPrefetch = 16

// cacheLine is what memory comes to the processor in, in bytes.
const cacheLine = 64

// recordLines is how many lines of a record are fetched: the processor notices by
// itself that a longer one is read on.
const recordLines = 3

// Prefetch says that operations on these keys follow, so that what they wait for
// comes to the processor for all of them at once, and not for one after another: an
// item that is in no cache is two dependent accesses to memory away, one for the
// index and one for the record. It looks at the first MaxPrefetch keys, changes
// nothing, and counts as no use.
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

// prefetchIndex fetches where a search for the hash begins.
func (s *shard) prefetchIndex(h uint64) {
	tag := s.tag(h)
	t := s.index.table(tag)
	prefetch(&t.bytes[t.home(tag)*wordSize])
}

// prefetchRecord fetches the first lines of the record that the index names for the
// hash, and what the segment knows of it.
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
