package cache

import (
	"errors"
	"fmt"
	"math"
)

// Check verifies every invariant of the store (docs/cache.md lists them) and
// returns all that are broken, nil if none is. It locks the whole store while
// it runs, so it is for specs and simulators.
func (c *Cache) Check() error {
	var errs []error
	c.reclaimMu.Lock()
	defer c.reclaimMu.Unlock()
	for _, s := range c.shards {
		// No other code holds more than one shard's lock, so this cannot deadlock.
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	charged := int64(0)
	costs := make([]int64, len(*c.accountTable.entries.Load()))
	for i, s := range c.shards {
		k := checker{shard: s, costs: costs}
		k.run()
		charged += s.pages.Load()
		for _, err := range k.errs {
			errs = append(errs, fmt.Errorf("shard %d: %w", i, err))
		}
	}
	if used := c.budget.used.Load(); used > c.budget.max {
		errs = append(errs, fmt.Errorf("budget: %d pages used of %d, shards hold %d", used, c.budget.max, charged))
	}
	for number := 1; number < len(costs); number++ {
		b := c.accountTable.of(uint16(number))
		used := b.used.Load()
		if used < 0 {
			// its entry is free
			used = 0
		}
		if used != costs[number] {
			errs = append(errs, fmt.Errorf("account %s: %d bytes used, its items cost %d", b.name, used, costs[number]))
		}
	}
	return errors.Join(errs...)
}

// checker collects what is wrong with a shard.
type checker struct {
	*shard
	errs []error
	// live, items and large count what the index refers to, by segment.
	live, items, large map[int32]int
	// owned marks the chains that items own.
	owned map[int32]bool
	// costs adds up what items cost, by account.
	costs []int64
	// squares is the sum of the squared costs of one shard's items.
	squares uint64
}

func (k *checker) expect(ok bool, format string, args ...any) {
	if !ok && len(k.errs) < 20 {
		k.errs = append(k.errs, fmt.Errorf(format, args...))
	}
}

func (k *checker) run() {
	k.live, k.items, k.large = map[int32]int{}, map[int32]int{}, map[int32]int{}
	k.owned = map[int32]bool{}
	k.checkIndex()
	k.checkSegments()
	k.checkBuckets()
	k.checkQueues()
	k.expect(k.grant == 0 && !k.reserve, "a grant of %d pages is left over", k.grant)
}

func (k *checker) checkIndex() {
	x := &k.index
	k.expect(len(x.dir) == 1<<x.depth, "directory: %d entries at depth %d", len(x.dir), x.depth)
	words, pages, bytes := 0, 0, 0
	depths := x.depths
	for i := 0; i < len(x.dir); {
		t := x.dir[i]
		span := 1 << (x.depth - t.depth)
		for j := i; j < i+span; j++ {
			k.expect(x.dir[j] == t, "directory: entry %d is not of the table at %d", j, i)
		}
		depths[t.depth]--
		words += t.n
		pages += t.pages
		bytes += k.checkTable(t, uint64(i)>>(x.depth-t.depth))
		i += span
	}
	for d, n := range depths {
		k.expect(n == 0, "directory: %d tables of depth %d too many counted", n, d)
	}
	k.expect(x.depth == 0 || x.depths[x.depth] > 0, "directory: deeper than any table")
	k.expect(words == x.n, "index: %d words, %d counted", words, x.n)
	k.expect(pages == k.memory[memIndex], "index: %d pages, %d charged", pages, k.memory[memIndex])
	k.expect(k.squares == k.shard.squares, "squares: %d of costs, %d counted", k.squares, k.shard.squares)
	k.expect(bytes == k.bytes, "items: %d bytes, %d counted", bytes, k.bytes)
}

// checkTable verifies order, homes and records of one table and returns the
// bytes of its items.
func (k *checker) checkTable(t *table, prefix uint64) (bytes int) {
	n, free, last := 0, -1, uint64(0)
	for i := range t.cap() {
		w := t.word(i)
		if w == 0 {
			free = i
			continue
		}
		n++
		k.expect(w.tag() >= last, "table %d: word %d out of order", t.unit, i)
		last = w.tag()
		k.expect(w.tag()>>(tagBits-t.depth) == prefix, "table %d: word %d is of another table", t.unit, i)
		home := t.home(w.tag())
		k.expect(home <= i && free < home, "table %d: word %d has home %d and a gap at %d", t.unit, i, home, free)
		bytes += k.checkRecord(w)
	}
	k.expect(n == t.n, "table %d: %d words, %d counted", t.unit, n, t.n)
	k.expect(t.n <= limitFor(t.pages), "table %d: %d words, limit %d", t.unit, t.n, limitFor(t.pages))
	k.expect(t.word(t.cap()-1) == 0, "table %d: nothing ends a search", t.unit)
	return bytes
}

// checkRecord verifies the record that a word names and returns its item's
// bytes.
func (k *checker) checkRecord(w word) (bytes int) {
	p := w.position()
	id := p.segment()
	if int(id) >= len(k.segs) || k.segs[id].kind != records || p.offset() >= k.segs[id].used {
		k.expect(false, "word %x names no record", w)
		return 0
	}
	seg := &k.segs[id]
	var r record
	k.record(p, &r)
	k.expect(p.offset()+r.size <= seg.used, "record %x runs over its segment", p)
	k.expect(k.tag(k.hash.sum(r.key)) == w.tag(), "record %x has another tag than its word", p)
	k.expect(r.version > 0 && r.version <= k.version, "record %x: version %d, latest %d", p, r.version, k.version)
	k.expect((r.expiry == 0) == (k.buckets[seg.bucket].width == neverWidth), "record %x: expiry %d in bucket %v", p, r.expiry, k.buckets[seg.bucket].bucketKey)
	if int(r.account) >= len(k.costs) {
		k.expect(false, "record %x: account %d of %d", p, r.account, len(k.costs)-1)
		return 0
	}
	k.costs[r.account] += r.cost()
	k.squares += square(r.cost())
	k.live[id] += r.size
	k.items[id]++
	if r.chain != none {
		k.expect(!k.owned[r.chain], "chain %d has two items", r.chain)
		k.owned[r.chain] = true
		k.large[id] += k.segs[r.chain].weight
		k.expect(k.segs[r.chain].size == r.length, "chain %d: %d bytes, the item has %d", r.chain, k.segs[r.chain].size, r.length)
		k.expect(k.segs[r.chain].refs > 0, "chain %d: no reference", r.chain)
	}
	return len(r.key) + r.length
}

func (k *checker) checkSegments() {
	var used, dead, pages, chainPages, transit, free int
	var state [kinds]int
	for id := range k.segs {
		seg := &k.segs[id]
		state[seg.kind]++
		switch seg.kind {
		case records:
			i := int32(id)
			k.expect(seg.live == k.live[i] && seg.items == k.items[i], "segment %d: %d live bytes in %d items, the index knows %d in %d", id, seg.live, seg.items, k.live[i], k.items[i])
			k.expect(seg.large == k.large[i], "segment %d: %d large pages, %d counted", id, k.large[i], seg.large)
			k.expect(seg.items > 0 || seg.open, "segment %d is closed and empty", id)
			k.expect(pagesOf(seg.used) <= seg.pages && seg.used <= segmentRoom, "segment %d: %d bytes in %d pages", id, seg.used, seg.pages)
			at := 0
			var r record
			for at < seg.used {
				k.record(positionOf(i, at), &r)
				at += r.size
			}
			k.expect(at == seg.used, "segment %d: records end at %d, used to %d", id, at, seg.used)
			used += seg.used
			dead += seg.used - seg.live
			pages += seg.pages
		case chained:
			chainPages += seg.pages
			free += seg.spare
			k.expect(seg.transit || seg.refs == 0 || seg.spare == 0, "chain %d: an item has %d spare pages", id, seg.spare)
			if seg.refs > 0 {
				k.checkChain(int32(id))
				k.expect(seg.transit != k.owned[int32(id)], "chain %d: in transit %v, an item has it %v", id, seg.transit, k.owned[int32(id)])
				if seg.transit {
					transit += seg.weight
				}
			}
		}
	}
	k.expect(used == k.used && dead == k.dead, "log: %d bytes, %d dead; counted %d, %d", used, dead, k.used, k.dead)
	k.expect(pages == k.memory[memRecords], "records: %d pages, %d charged", pages, k.memory[memRecords])
	k.expect(chainPages-transit == k.memory[memLarge], "large values: %d pages, %d charged", chainPages-transit, k.memory[memLarge])
	warmPages, droppedSegs := k.checkWarm()
	free += warmPages
	for _, u := range k.dropped {
		transit += u.transit
		free += u.free
		if u.space == k.space {
			droppedSegs++
		}
	}
	// Units that another goroutine is giving back are charged but not listed.
	k.expect(free <= k.memory[memFree], "free: %d pages, %d charged", free, k.memory[memFree])
	k.expect(transit <= k.memory[memTransit], "in transit: %d pages, %d counted", transit, k.memory[memTransit])
	// Segment 0 is never used, and units being given back are in neither list.
	k.expect(state[unused] >= len(k.freeSegs)+droppedSegs+1, "segments: %d unused, %d free", state[unused], len(k.freeSegs))
	total := 0
	for _, n := range k.memory[:memTransit] {
		total += n
	}
	k.expect(int64(total) == k.pages.Load(), "memory: %d pages, %d counted", total, k.pages.Load())
}

// checkWarm verifies the lists of warm segments and returns how many pages and
// segments are on them.
func (k *checker) checkWarm() (pages, segments int) {
	for n, id := range k.warm.lists {
		for ; id != none; id = k.segs[id].next {
			k.expect(k.segs[id].kind == unused && k.segs[id].spare == n, "segment %d is warm with %d pages, listed with %d", id, k.segs[id].spare, n)
			pages += n
			segments++
		}
	}
	warm := int(k.warm.pages.Load())
	k.expect(pages == warm && pages <= k.warm.max, "warm: %d pages, %d counted, limit %d", pages, warm, k.warm.max)
	return pages, segments
}

func (k *checker) checkChain(head int32) {
	weight, size, n := 0, k.segs[head].size, 0
	for id := head; id != none; id = k.segs[id].next {
		weight += k.segs[id].pages
		n++
	}
	k.expect(weight == k.segs[head].weight, "chain %d: %d pages, %d counted", head, weight, k.segs[head].weight)
	k.expect(n == (size+segmentSize-1)/segmentSize, "chain %d: %d segments for %d bytes", head, n, size)
}

func (k *checker) checkBuckets() {
	next := int64(math.MaxInt64)
	members := 0
	for i := range k.buckets {
		b := &k.buckets[i]
		if b.first == none {
			continue
		}
		got, ok := k.bucket(b.bucketKey)
		k.expect(ok && got == int32(i), "bucket %v is not found by its key", b.bucketKey)
		next = min(next, b.end())
		items, prev := 0, int32(none)
		for id := b.first; id != none; id = k.segs[id].next {
			seg := &k.segs[id]
			members++
			k.expect(seg.kind == records && seg.bucket == int32(i) && seg.prev == prev, "segment %d is not linked into bucket %v", id, b.bucketKey)
			k.expect(seg.open == (b.open[seg.pool] == id), "segment %d: open %v, the bucket disagrees", id, seg.open)
			f := b.frame()
			k.expect(seg.start == f.start && seg.expiryBytes == f.expiryBytes, "segment %d does not write as bucket %v", id, b.bucketKey)
			items += seg.items
			prev = id
		}
		k.expect(items == b.items, "bucket %v: %d items, %d counted", b.bucketKey, items, b.items)
	}
	k.expect(next == k.next, "next deadline: %d, first bucket ends at %d", k.next, next)
	n := 0
	for i := range k.segs {
		if k.segs[i].kind == records {
			n++
		}
	}
	k.expect(n == members, "segments: %d hold records, %d are in buckets", n, members)
}

func (k *checker) checkQueues() {
	for q := range k.queues {
		weight, prev := 0, int32(none)
		for id := k.queues[q].first; id != none; id = k.segs[id].queueNext {
			seg := &k.segs[id]
			k.expect(seg.kind == records && seg.pool == pool(q) && seg.queuePrev == prev, "segment %d is not linked into queue %d", id, q)
			weight += seg.pages + seg.large
			prev = id
		}
		k.expect(k.queues[q].last == prev, "queue %d ends elsewhere", q)
		k.expect(weight == k.weight[q], "queue %d: %d pages, %d counted", q, weight, k.weight[q])
	}
}
