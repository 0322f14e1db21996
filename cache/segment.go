package cache

// none is the index of no segment, bucket or chain.
const none = -1

const (
	segmentShift = 17
	// segmentSize is the unit of the records' memory, in bytes: room for the
	// longest key beside a value just below LargeValueSize.
	segmentSize = 1 << segmentShift
	// segmentRoom is what records may fill: parsing reads up to 8 bytes past
	// a field.
	segmentRoom = segmentSize - 8
	// segmentPages is segmentSize in pages.
	segmentPages = segmentSize / pageSize
	// segmentWeight bounds the pages that dropping one segment gives back, those of
	// large values included: beyond it the next record opens another segment.
	segmentWeight = 2 << 20 / pageSize
)

// kind is what a segment is used for.
type kind uint8

const (
	unused  kind = iota // free, or being given back
	records             // a log of records
	chained             // a part of a large value
	kinds
)

// pool is the eviction queue that a segment is in.
type pool uint8

const (
	admission pool = iota // of items that have not shown their worth
	protected             // of items that were read, or asked for again
	pools
)

// segment describes one unit of the shard's memory. It fills two cache lines, of which
// reading a record needs the first.
type segment struct {
	frame
	// used is the bytes written.
	used int
	// live is the bytes of records that are items.
	live int
	// items is the number of records that are items.
	items int
	// large is the pages of these items' large values.
	large int
	// pages is how many pages of the segment are charged.
	pages int
	// spare is how many pages behind those are warm, charged as free memory.
	spare int

	bucket int32
	// next and prev link the segments of a bucket; next also links those of a chain.
	next, prev int32
	// queueNext and queuePrev link the segments of the pool's queue.
	queueNext int32
	queuePrev int32
	kind      kind
	pool      pool
	// open is set while the segment takes records of its bucket and pool.
	open bool

	// The fields below are set in the first segment of a chain only.

	// transit is set while no item has the chain.
	transit bool
	// size is the bytes in the chain.
	size int
	// refs is the number of readers, plus one while an item or a writer owns the chain.
	refs int32
	// weight is the pages of the chain.
	weight int
}

// The sizes of a short version, flags included. A shard with few items takes the
// shorter one: an item is then most likely moved several times before the shard has
// given out all the versions that 22 bits tell apart.
const (
	fewItemsVersion  = 3
	manyItemsVersion = 4
	// manyItems is from how many items on a shard takes the longer one.
	manyItems = 1 << 18
)

// list is a doubly linked list of segments, by their queue links.
type list struct{ first, last int32 }

func (s *shard) enqueue(l *list, id int32) {
	seg := &s.segs[id]
	seg.queueNext, seg.queuePrev = none, l.last
	if l.last == none {
		l.first = id
	} else {
		s.segs[l.last].queueNext = id
	}
	l.last = id
}

func (s *shard) dequeue(l *list, id int32) {
	seg := &s.segs[id]
	if seg.queuePrev == none {
		l.first = seg.queueNext
	} else {
		s.segs[seg.queuePrev].queueNext = seg.queueNext
	}
	if seg.queueNext == none {
		l.last = seg.queuePrev
	} else {
		s.segs[seg.queueNext].queuePrev = seg.queuePrev
	}
}

// charge takes n pages of the limit for use k, first from what makeRoom
// granted. On failure it takes nothing and sets need.
func (s *shard) charge(n int, k memoryKind) bool {
	fromGrant := min(n, s.grant)
	if rest := n - fromGrant; rest > 0 && !s.budget.reserve(rest, s.reserve) {
		s.need = n
		return false
	}
	s.grant -= fromGrant
	s.memory[k] += n
	s.pages.Add(int64(n))
	return true
}

func (s *shard) refund(n int, k memoryKind) {
	s.memory[k] -= n
	s.pages.Add(-int64(n))
	s.budget.put(n)
}

// newSegment returns an empty segment with no pages charged, or none if the address
// space is used up.
func (s *shard) newSegment(k kind) int32 {
	var id int32
	if n := len(s.freeSegs); n > 0 {
		id = s.freeSegs[n-1]
		s.freeSegs = s.freeSegs[:n-1]
	} else {
		if len(s.segs) >= int(s.space.units()) {
			s.need = 1
			return none
		}
		id = int32(len(s.segs))
		s.segs = append(s.segs, segment{})
	}
	s.segs[id] = segment{kind: k, bucket: none, next: none, prev: none, queueNext: none, queuePrev: none}
	return id
}

// dropSegment gives up a segment whose pages are charged for use k. What does not stay
// warm remains charged until unlock has given it back to the operating system.
func (s *shard) dropSegment(id int32, k memoryKind) {
	seg := &s.segs[id]
	u := unit{space: s.space, id: id, free: seg.spare}
	stays := seg.kind == chained && s.wantsWarm(seg.pages+seg.spare)
	switch {
	case k != memTransit:
		s.memory[k] -= seg.pages
		s.memory[memFree] += seg.pages
		u.free += seg.pages
	case stays && s.budget.reserve(seg.pages, false):
		s.memory[memTransit] -= seg.pages
		s.memory[memFree] += seg.pages
		s.pages.Add(int64(seg.pages))
		u.free += seg.pages
	default:
		stays = false
		u.transit = seg.pages
	}
	seg.kind = unused
	if stays {
		s.keepWarm(id, u.free)
		return
	}
	s.dropped = append(s.dropped, u)
}

// unit is memory to be given back to the operating system.
type unit struct {
	space *memory
	id    int32
	// free is how many of its pages are charged as free memory.
	free int
	// transit is how many of its pages are charged as in transit.
	transit int
}

// unlock gives the memory of dropped units back to the operating system and
// releases the shard. The system calls run without the lock. It returns how many
// pages it gave back.
func (s *shard) unlock() (pages int) {
	for len(s.dropped) > 0 {
		var batch [16]unit
		n := copy(batch[:], s.dropped[max(0, len(s.dropped)-len(batch)):])
		s.dropped = s.dropped[:len(s.dropped)-n]
		s.mu.Unlock()
		for _, u := range batch[:n] {
			u.space.discard(u.id)
		}
		s.mu.Lock()
		for _, u := range batch[:n] {
			u.space.recycle(u.id)
			s.memory[memTransit] -= u.transit
			s.refund(u.free, memFree)
			pages += u.free + u.transit
			if u.space == s.space {
				s.freeSegs = append(s.freeSegs, u.id)
			} else {
				s.index.free = append(s.index.free, u.id)
			}
		}
	}
	s.mu.Unlock()
	return pages
}

// closeSegment stops a segment from taking records.
func (s *shard) closeSegment(id int32) {
	seg := &s.segs[id]
	if seg.open {
		seg.open = false
		s.buckets[seg.bucket].open[seg.pool] = none
	}
}

// freeRecords drops a segment of records that holds no item.
func (s *shard) freeRecords(id int32) {
	s.closeSegment(id)
	seg := &s.segs[id]
	s.dead -= seg.used
	s.used -= seg.used
	s.dequeue(&s.queues[seg.pool], id)
	s.weight[seg.pool] -= seg.pages
	s.leaveBucket(id)
	if s.victim.seg == id {
		s.victim.seg = none
	}
	s.dropSegment(id, memRecords)
}

// position is where a record lies: segment and offset.
type position uint64

func positionOf(seg int32, offset int) position {
	return position(seg)<<segmentShift | position(offset)
}

func (p position) segment() int32 { return int32(p >> segmentShift) }
func (p position) offset() int    { return int(p & (segmentSize - 1)) }

// record parses the record at p into r.
func (s *shard) record(p position, r *record) {
	s.segs[p.segment()].parse(s.space.from(p), r)
}

// appendRecord writes r into the open segment of bucket and pool, opening one
// if needed, and returns where it lies. It fails if there is no memory.
func (s *shard) appendRecord(key bucketKey, q pool, r *record) (position, bool) {
	b, ok := s.bucket(key)
	if !ok {
		b = s.newBucket(key)
	}
	id := s.buckets[b].open[q]
	var size int
	if id != none {
		seg := &s.segs[id]
		if size = seg.sizeOf(r); seg.used+size > segmentRoom || seg.pages+seg.large > segmentWeight {
			s.closeSegment(id)
			id = none
		}
	}
	if id == none {
		if id = s.openSegment(b, q, r); id == none {
			return 0, false
		}
		size = s.segs[id].sizeOf(r)
	}
	seg := &s.segs[id]
	if more := pagesOf(seg.used+size) - seg.pages; more > 0 {
		if !s.charge(more, memRecords) {
			return 0, false
		}
		seg.pages += more
		s.weight[q] += more
	}
	at := seg.used
	seg.put(s.space.unit(id)[at:], r)
	seg.used += size
	seg.live += size
	seg.items++
	s.used += size
	s.buckets[b].items++
	if r.chain != none {
		pages := s.segs[r.chain].weight
		seg.large += pages
		s.weight[q] += pages
	}
	return positionOf(id, at), true
}

// openSegment gives bucket b a segment to append r to, with r's first pages
// charged so that no bucket is left with an empty one.
func (s *shard) openSegment(b int32, q pool, r *record) int32 {
	bucket := &s.buckets[b]
	f := bucket.frame()
	f.accounts = s.withAccounts
	if r.chain == none {
		f.keyLength, f.length = int32(len(r.key)), int32(r.length)
	}
	f.versionBytes = fewItemsVersion
	if s.index.n >= manyItems {
		f.versionBytes = manyItemsVersion
	}
	// Half the range lies below the current version, for older records that
	// compaction moves here.
	if half := f.versions() / 2; s.version > half {
		f.base = s.version - half
	}
	pages := pagesOf(f.sizeOf(r))
	id := int32(none)
	if s.charge(pages, memRecords) {
		if id = s.newSegment(records); id == none {
			s.refund(pages, memRecords)
		}
	}
	if id == none {
		if bucket.first == none {
			s.dropBucket(b)
		}
		return none
	}
	seg := &s.segs[id]
	seg.frame, seg.pool, seg.pages, seg.open = f, q, pages, true
	s.weight[q] += pages
	s.enqueue(&s.queues[q], id)
	s.joinBucket(b, id)
	bucket.open[q] = id
	return id
}

// markDead counts the record at p as dead and releases its large value, unless
// another record has inherited it. While readers still hold the value, its memory
// counts as in transit. The index must no longer name the record.
func (s *shard) markDead(p position, r *record, inherited bool) {
	id := p.segment()
	seg := &s.segs[id]
	seg.live -= r.size
	seg.items--
	s.dead += r.size
	s.bytes -= len(r.key) + r.length
	s.squares -= square(r.cost())
	s.buckets[seg.bucket].items--
	if r.chain != none {
		pages := s.segs[r.chain].weight
		seg.large -= pages
		s.weight[seg.pool] -= pages
		if s.segs[r.chain].refs > 1 && !inherited {
			s.unsettle(r.chain)
		}
		s.releaseChain(r.chain)
	}
	s.accountTable.of(r.account).release(r.cost())
	switch {
	case seg.items > 0:
	case !seg.open || seg.pages > 1:
		s.freeRecords(id)
	default:
		// An open segment of one page stays: its bucket writes from its start again.
		s.dead -= seg.used
		s.used -= seg.used
		seg.used = 0
	}
}
