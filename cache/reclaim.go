package cache

// One walk over a segment's records serves expiry, compaction and eviction:
// what is dead is skipped, what has expired is dropped, the rest moves
// elsewhere or is dropped as the reason demands, and then the whole segment is
// given back. It proceeds in small steps, so that the lock is never held long.

// reason is why a segment is reclaimed.
type reason uint8

const (
	expiring   reason = iota // its bucket has ended: only renewed items are left
	compacting               // too much of it is dead
	evicting                 // memory is needed
)

// victim is the segment being reclaimed, none between two.
type victim struct {
	seg int32
	// offset of the next record to look at.
	offset int
	// Bytes when chosen.
	used int
	// Bytes moved.
	kept int
	// Segments evicted before it, in a row, that were mostly kept.
	spared int
	reason reason
}

const (
	// compactSteps is how many records compaction looks at per write: some
	// four bytes for each byte written, which keeps pace with a victim that
	// is three quarters alive.
	compactSteps = 4
	// deadShare of the log's bytes may be dead, one in so many, before
	// compaction starts.
	deadShare = 5
	// stepBatch bounds the records looked at in one hold of the lock.
	stepBatch = 64
)

// choose makes a segment the victim; one without items goes at once.
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

// reclaim looks at up to so many records of the victim and returns at how
// many. It fails when survivors cannot move for lack of memory.
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
		// of no meaning once the segment is gone
		s.victim.offset += r.size
	}
	return walked, true
}

// drop takes a record's item out.
func (s *shard) drop(t *table, at int, p position, r *record) {
	tag := t.word(at).tag()
	t.remove(at)
	s.index.n--
	s.markDead(p, r, false)
	s.shrink(tag, t)
}

// move copies the item at p to where its deadline and worth put it now.
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
		// it passes to the copy
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
	s.accountTable.of(r.account).charge(r.cost()) // which markDead ends
	s.count.moved += uint64(r.size)
	s.markDead(p, r, r.chain != none)
	return true
}

// expire reclaims segments of buckets that ended at or before now, looking at
// up to budget records. It returns at how many, and whether it is stuck for
// lack of memory.
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

// abandon leaves a victim of eviction as it is, the first to be evicted when room
// is needed again.
func (s *shard) abandon() {
	if s.victim.reason == evicting {
		s.victim.seg = none
	}
}

// compact does a write's share of compaction.
func (s *shard) compact(now int64) {
	many := s.dead*deadShare > s.used
	if many {
		s.abandon()
	}
	switch {
	case s.victim.seg != none && s.victim.reason == evicting:
		return // not before room is needed
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

// search finds a segment worth compacting: the one with the least alive among
// the next few hundred, a few per call.
type search struct {
	// The next segment to look at.
	cursor int
	// Looked at so far.
	seen int
	// None yet if 0.
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
