package cache

import (
	"bytes"
	"net"
)

// The store is walked in the order of the index's tags, which no growth,
// compaction or eviction changes. So a tag is all that a walk has to remember,
// and an item that stays is met exactly once.

// walkItemCost is what an item counts against a walk's budget, in bytes, in addition
// to its key and value.
const walkItemCost = 512

// following fills batch with the words of items from the given tag on, and returns the
// tag to go on from, which may lie beyond tagMask. Items of one tag stay together, so
// batch may come back longer.
func (s *shard) following(tag uint64, batch []word) (words []word, next uint64) {
	t := s.index.table(tag)
	next = (tag>>(tagBits-t.depth) + 1) << (tagBits - t.depth)
	words = batch[:0]
	for i := t.seek(tag); i < t.cap(); i++ {
		w := t.word(i)
		if w == 0 {
			continue
		}
		if len(words) >= len(batch) && w.tag() != tag {
			return words, w.tag()
		}
		tag = w.tag()
		words = append(words, w)
	}
	return words, next
}

// Flush removes every item whose key starts with prefix, or all items if that is empty,
// and returns how many of them were unexpired. It walks the store in short steps; items
// written meanwhile may or may not be removed. Only one Flush runs at a time: several
// would contend for the locks at every step and slow down all other operations.
func (c *Cache) Flush(now int64, prefix []byte) (removed uint64) {
	c.flushing.Lock()
	defer c.flushing.Unlock()
	for _, s := range c.shards {
		for tag := uint64(0); tag <= tagMask; {
			s.mu.Lock()
			var n uint64
			if n, tag = s.flush(now, prefix, tag); tag > tagMask {
				s.cool(int(s.warm.pages.Load()), 0)
			}
			s.unlock()
			removed += n
		}
	}
	return removed
}

// flush does one step of Flush.
func (s *shard) flush(now int64, prefix []byte, tag uint64) (removed, next uint64) {
	now = s.advance(now)
	var batch [stepBatch]word
	words, next := s.following(tag, batch[:])
	var r record
	for _, w := range words {
		p := w.position()
		s.record(p, &r)
		if !bytes.HasPrefix(r.key, prefix) {
			continue
		}
		if t, at, ok := s.locate(p, r.key); ok {
			if r.alive(now) {
				removed++
				s.count.deleted++
			} else {
				s.count.expired++
			}
			s.drop(t, at, p, &r)
		}
	}
	return removed, next
}

// An Item is what Scan visits. Its slices are valid during the visit only. A value
// of LargeValueSize or more is in Large, in pieces and not copied, and Value is nil.
type Item struct {
	Key, Value []byte
	Large      net.Buffers
	Info
	// Account is the name of the account that it is charged to, empty for none.
	Account string
}

// Scan walks the store in small steps, to copy it without stopping other
// operations. Each call visits unexpired items, at least one if any is left, until
// their keys and values use up about budget bytes, an item counting at least
// budget / 512; it returns the cursor of the next call. The walk begins with cursor 0
// and is over when Scan returns 0.
//
// An item that does not change between the first call and the last is visited exactly
// once. One that is stored, changed or removed in between may be visited or not, and
// twice if it was stored again.
//
// visit may run under a lock that requests wait for, unless the value is in Large:
// it must copy what it needs, return soon and not call the cache. Visiting counts
// neither as a hit nor as use.
func (c *Cache) Scan(now int64, cursor uint64, budget int, visit func(Item)) (next uint64) {
	visited := false
	for i := cursor >> tagBits; i < uint64(len(c.shards)); i++ {
		for tag := cursor & tagMask; tag <= tagMask; {
			if visited && budget <= 0 {
				return i<<tagBits | tag
			}
			var used int
			used, tag = c.scan(now, c.shards[i], tag, budget, visit)
			visited = visited || used > 0
			budget -= used
		}
		cursor = 0
	}
	return 0
}

// Bounds on one call of ScanKeys: keys that it looks at, and bytes of keys that it
// visits. The last step may go a little beyond.
const (
	maxKeysSeen  = 4096
	maxKeysBytes = 64 << 10
)

// ScanKeys is Scan for the keys that begin with prefix. A call visits about most keys
// at most: those whose hashes begin alike come in one call. It looks at a bounded
// number of other keys, so it may visit none before the end is reached.
func (c *Cache) ScanKeys(now int64, cursor uint64, prefix []byte, most int, visit func(key []byte)) (next uint64) {
	seen, bytes := 0, 0
	for i := cursor >> tagBits; i < uint64(len(c.shards)); i++ {
		for tag := cursor & tagMask; tag <= tagMask; {
			if most <= 0 || seen >= maxKeysSeen || bytes >= maxKeysBytes {
				return i<<tagBits | tag
			}
			var step keyStep
			step, tag = c.shards[i].scanKeys(now, prefix, tag, most, visit)
			seen += step.seen
			most -= step.visited
			bytes += step.bytes
		}
		cursor = 0
	}
	return 0
}

// keyStep is what one step of ScanKeys did. Each step counts as one key seen, so that
// empty tables count too.
type keyStep struct{ seen, visited, bytes int }

func (s *shard) scanKeys(now int64, prefix []byte, tag uint64, most int, visit func(key []byte)) (step keyStep, next uint64) {
	var batch [stepBatch]word
	s.mu.Lock()
	defer s.mu.Unlock()
	now = s.advance(now)
	words, next := s.following(tag, batch[:min(most, len(batch))])
	step.seen = len(words) + 1
	var r record
	for _, w := range words {
		if s.record(w.position(), &r); r.alive(now) && bytes.HasPrefix(r.key, prefix) {
			visit(r.key)
			step.visited++
			step.bytes += len(r.key)
		}
	}
	return step, next
}

// scan does one step of Scan: it visits small values under the lock, large
// ones after it, and returns the bytes used and the tag to go on from.
func (c *Cache) scan(now int64, s *shard, tag uint64, budget int, visit func(Item)) (used int, next uint64) {
	type held struct {
		Item
		ref Ref
	}
	var large []held
	var batch [stepBatch]word
	n := min(max(budget/walkItemCost, 1), len(batch))

	s.mu.Lock()
	now = s.advance(now)
	words, next := s.following(tag, batch[:n])
	var r record
	for i, w := range words {
		if used > 0 && used >= budget && w.tag() != words[i-1].tag() {
			next = w.tag()
			break
		}
		s.record(w.position(), &r)
		if !r.alive(now) {
			continue
		}
		used += walkItemCost + len(r.key) + r.length
		item := Item{Key: r.key, Value: r.value, Info: r.info(now), Account: s.accountTable.of(r.account).owner()}
		if r.chain == none {
			visit(item)
			continue
		}
		s.segs[r.chain].refs++
		item.Key = bytes.Clone(r.key)
		large = append(large, held{item, Ref{c: c, s: s, head: r.chain, size: r.length}})
	}
	s.mu.Unlock()

	var pieces net.Buffers
	for _, h := range large {
		pieces = h.ref.AppendTo(pieces[:0])
		h.Large = pieces
		visit(h.Item)
		h.ref.Release()
	}
	return used, next
}
