package cache

// Expiry, compaction and eviction are the same walk over a segment's records:
// it skips the dead, drops the expired, moves the rest to other segments or evicts
// it, depending on the reason, and then gives the whole segment back. It
// proceeds in small steps, so that the lock is never held long.

// reason is why a segment is reclaimed.
type reason uint8

const (
	expiring   reason = iota // its bucket has ended: only renewed items are left
	compacting               // too much of it is dead
	evicting                 // memory is needed
)

// victim is the segment being reclaimed, if any.
type victim struct {
	seg int32
	// offset of the next record to look at.
	offset int
	// used is how many bytes the segment had when it was chosen.
	used int
	// kept is how many bytes were moved to other segments.
	kept int
	// spared counts the segments before it, in a row, that were evicted but mostly kept.
	spared int
	reason reason
}

const (
	// compactSteps is how many records compaction looks at per write: about
	// four bytes for each byte written, which keeps pace with a victim that
	// is three quarters alive.
	compactSteps = 4
	// deadShare is the part of the log's bytes that may be dead before compaction
	// starts: one in so many.
	deadShare = 5
	// stepBatch bounds the records looked at while the lock is held once.
	stepBatch = 64
)

// choose makes a segment the victim; one without items is freed at once.
func (s *shard) choose(id int32, why reason) {
	s.closeSegment(id)
	if s.segs[id].items == 0 {
		s.freeRecords(id)
		return
	}
	spared := 0
	if last := &s.victim; why == evicting && last.reason == evicting && mostly(last.kept, last.used) {
		spared = last.spared + 1
	}
	s.victim = victim{seg: id, used: s.segs[id].used, spared: spared, reason: why}
}

// reclaim looks at up to steps records of the victim and returns at how
// many. It fails if there is no memory to move survivors to.
func (s *shard) reclaim(now int64, steps int) (walked int, ok bool) {
	id := s.victim.seg
	if id == none {
		return 0, true
	}
	bytes := s.space.unit(id)
	var r record
	for s.victim.seg == id && walked < steps {
		walked++
		p := positionOf(id, s.victim.offset)
		s.segs[id].parse(bytes[s.victim.offset:], &r)
		t, at, found := s.locate(p, r.key)
		switch {
		case !found:
		case !r.alive(now):
			s.count.expired++
			s.drop(t, at, p, &r)
		case s.keeps(t.word(at), &r):
			if s.move(t, at, p, &r) {
				s.victim.kept += r.size
				break
			}
			if s.eviction == EvictNone || !s.reserve {
				return walked, false
			}
			fallthrough
		default:
			s.count.evicted++
			s.ghost.add(s.hash.sum(r.key), s.index.n)
			s.drop(t, at, p, &r)
		}
		// If the last drop freed the segment, the offset no longer matters.
		s.victim.offset += r.size
	}
	return walked, true
}

// drop removes a record's item from the cache.
func (s *shard) drop(t *table, at int, p position, r *record) {
	tag := t.word(at).tag()
	t.remove(at)
	s.index.n--
	s.markDead(p, r, false)
	s.shrink(tag, t)
}

// move copies the item at p to the bucket and pool where it belongs now.
func (s *shard) move(t *table, at int, p position, r *record) bool {
	seg := &s.segs[p.segment()]
	key := s.buckets[seg.bucket].bucketKey
	if r.expiry != 0 {
		key = key.later(r.expiry)
	}
	w := t.word(at)
	q, use := seg.pool, w.use()
	if s.victim.reason == evicting {
		if q == protected {
			use = max(use, 1) - 1
		} else {
			q, use = protected, 0
		}
	}
	if r.chain != none {
		// The reference of the old record passes to the copy.
		s.segs[r.chain].refs++
	}
	to, ok := s.appendRecord(key, q, r)
	if !ok {
		if r.chain != none {
			s.segs[r.chain].refs--
		}
		return false
	}
	t.set(at, newWord(w.tag(), use, to))
	s.bytes += len(r.key) + r.length
	s.squares += square(r.cost())
	// markDead releases the charge for the old record.
	s.accountTable.of(r.account).charge(r.cost())
	s.count.moved += uint64(r.size)
	s.markDead(p, r, r.chain != none)
	return true
}

// expire reclaims segments of buckets that ended at or before now, looking at
// up to budget records. It returns at how many, and whether it is stuck because
// there is no memory for survivors.
func (s *shard) expire(now int64, budget int) (walked int, stuck bool) {
	if s.next <= now {
		s.abandon()
	}
	for s.next <= now && walked < budget {
		if s.victim.seg == none {
			b, ok := s.due(now)
			if !ok {
				return walked, false
			}
			s.choose(s.buckets[b].first, expiring)
		}
		n, ok := s.reclaim(now, budget-walked)
		walked += n
		if !ok {
			return walked, true
		}
	}
	return walked, false
}

// abandon stops reclaiming a victim of eviction; it is the first to be evicted when
// room is needed again.
func (s *shard) abandon() {
	if s.victim.reason == evicting {
		s.victim.seg = none
	}
}

// compact does the part of compaction that each write pays for.
func (s *shard) compact(now int64) {
	many := s.dead*deadShare > s.used
	if many {
		s.abandon()
	}
	switch {
	case s.victim.seg != none && s.victim.reason == evicting:
		// Eviction goes on when a write needs room.
		return
	case s.victim.seg == none && !many:
		return
	case s.victim.seg == none:
		id, ok := s.search.step(s.segs, searchStep)
		if !ok {
			return
		}
		s.choose(id, compacting)
	}
	s.reclaim(now, compactSteps)
}

// search finds a segment worth compacting: the one with the fewest live bytes among
// the next few hundred. It looks at a few per call.
type search struct {
	// cursor is the next segment to look at.
	cursor int
	// seen counts the segments looked at so far.
	seen int
	// best is the best segment so far, 0 for none.
	best int32
}

const (
	searchStep  = 8
	searchRange = 512
)

// worth returns what compacting the segment gives back, in bytes, 0 if that is
// too little for the copying.
func (seg *segment) worth() int {
	if seg.kind != records || seg.open || seg.used-seg.live < seg.used/deadShare {
		return 0
	}
	return (seg.pages - pagesOf(seg.live)) * pageSize
}

func (f *search) step(segs []segment, n int) (id int32, ok bool) {
	for range n {
		if f.cursor >= len(segs) {
			f.cursor = 1
		}
		if f.seen++; f.seen > min(searchRange, len(segs)) {
			best := f.best
			f.seen, f.best = 0, 0
			if best != 0 && int(best) < len(segs) && segs[best].worth() > 0 {
				return best, true
			}
			return none, false
		}
		if f.cursor < len(segs) && segs[f.cursor].less(&segs[f.best]) {
			f.best = int32(f.cursor)
		}
		f.cursor++
	}
	return none, false
}

// less reports whether the segment is better to compact than another.
func (seg *segment) less(other *segment) bool {
	if seg.worth() == 0 {
		return false
	}
	return other.worth() == 0 || seg.live*other.used < other.live*seg.used
}
