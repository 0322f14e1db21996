package cache

import (
	"bytes"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// errNoSpace makes the caller make room for shard.need pages and try again.
var errNoSpace = errors.New("no room")

// memoryKind is what pages are charged for.
type memoryKind uint8

const (
	memRecords memoryKind = iota
	memLarge
	memIndex
	memFree    // dropped, on their way back to the operating system, or warm
	memTransit // of large values on their way in, or gone and still being read
	memKinds
)

// shard is one independently locked part of the cache: an index over a log of
// records in segments, the segments in deadline buckets and in two queues.
type shard struct {
	// mu guards everything below.
	mu sync.Mutex

	budget *budget
	// space holds the segments.
	space *memory
	// dropped is what unlock has to give back.
	dropped []unit
	// warm holds the segments kept for the next large values.
	warm warm
	// poke wakes the janitor, which cools them.
	poke   poke
	memory [memKinds]int
	// pages is the sum of memory except what is in transit; it is read without the lock.
	pages atomic.Int64
	// grant is how many pages makeRoom took for the caller.
	grant int
	// need is how many pages were missing at the last errNoSpace.
	need int
	// now is the latest time of an operation.
	now int64
	// reserve is set while the caller may use the budget's reserve.
	reserve bool

	accountTable *accountTable
	// withAccounts is set if records name an account.
	withAccounts bool

	// skip is the number of hash bits that chose the shard.
	skip  uint
	hash  hasher
	index index
	// version is the greatest one given out.
	version uint64
	// bytes is the size of all items' keys and values.
	bytes int
	// squares is the sum of the squared costs of items.
	squares uint64

	segs     []segment
	freeSegs []int32
	// used is the bytes in records, dead ones included.
	used int
	// dead is the bytes in dead records.
	dead     int
	victim   victim
	search   search
	eviction Eviction

	buckets     []bucket
	freeBuckets []int32
	// slots find a bucket by width and number: the index of the first one, plus 1.
	slots [neverWidth + 1][bucketSlots]int32
	// next is when the first bucket ends.
	next int64

	queues [pools]list
	// weight is the pages of each pool, those of large values included.
	weight [pools]int
	ghost  ghost
	draws  draws

	count counters
}

type counters struct {
	hits, misses, sets, refused, deleted, expired, evicted, moved uint64
}

func newShard(o *options, b *budget, l *accountTable, p poke, skip, halvings uint) (*shard, error) {
	s := &shard{budget: b, accountTable: l, poke: p, withAccounts: o.accounts, skip: skip, hash: newHasher(o.hashKey), eviction: o.eviction, next: math.MaxInt64}
	s.warm.init(int(o.maxMemory / pageSize / int64(o.shards)))
	s.ghost.limit = int(ghostBytes(o) / int64(o.shards) / ghostEntry)
	s.draws = newDraws(s.hash)
	s.victim.seg = none
	for q := range s.queues {
		s.queues[q] = list{none, none}
	}
	var err error
	if s.space, err = newMemory(recordSpace(o.maxMemory)>>halvings, segmentShift); err != nil {
		return nil, err
	}
	if s.index.space, err = newMemory(indexSpace(o.maxMemory)>>halvings, tableShift); err != nil {
		s.space.free()
		return nil, err
	}
	// Segment 0 stays unused, so that no word is 0.
	s.segs = append(s.segs, segment{})
	t := s.newTable(1, 0)
	if t == nil {
		s.close()
		return nil, errNoSpace
	}
	s.index.dir = []*table{t}
	return s, nil
}

// transitSpace is the address space that a shard has for values in transit, each of
// which takes at least a segment.
const transitSpace = 1 << 30

// recordSpace returns the address space for a shard's segments. A segment may have
// as little as one page written, so it is much more than the limit, up to what
// a position can name.
func recordSpace(limit int64) int64 {
	if limit > (1<<positionBits-transitSpace)/32 {
		return 1 << positionBits
	}
	return (max(32*limit, 1<<28) + transitSpace) &^ (segmentSize - 1)
}

func indexSpace(limit int64) int64 {
	return max(min(4*limit, 1<<35), 1<<26) &^ (1<<tableShift - 1)
}

func (s *shard) close() {
	s.space.free()
	s.index.space.free()
}

// tight reports whether memory is so short that copying to save some must wait.
func (s *shard) tight() bool {
	b := s.budget
	return b.max-b.reserved-b.used.Load() < tablePages
}

func (s *shard) tag(h uint64) uint64 { return h << s.skip >> (64 - tagBits) }

// entry is an item that was found: its record, and its word in the index.
type entry struct {
	table *table
	at    int
	pos   position
	record
}

// find looks up the key, expired or not, and describes the item in e. If there is
// none, e says where in the index its word would go.
func (s *shard) find(h uint64, key []byte, e *entry) bool {
	tag := s.tag(h)
	t := s.index.table(tag)
	for i := t.seek(tag); ; i++ {
		w := t.word(i)
		if w == 0 || w.tag() != tag {
			e.table, e.at = t, i
			return false
		}
		s.record(w.position(), &e.record)
		if bytes.Equal(e.key, key) {
			e.table, e.at, e.pos = t, i, w.position()
			return true
		}
	}
}

// locate finds the word that names the record at p. If there is none, the record
// is dead.
func (s *shard) locate(p position, key []byte) (t *table, at int, ok bool) {
	tag := s.tag(s.hash.sum(key))
	t = s.index.table(tag)
	for i := t.seek(tag); ; i++ {
		w := t.word(i)
		if w == 0 || w.tag() != tag {
			return nil, 0, false
		}
		if w.position() == p {
			return t, i, true
		}
	}
}

// advance returns the time of an operation that read the clock at now: that, or the
// latest of an operation before it. An operation that waits between reading the clock
// and taking the lock must not find, or prolong, an item that another one has found
// expired meanwhile.
func (s *shard) advance(now int64) int64 {
	s.now = max(s.now, now)
	return s.now
}

// get returns the value of a visible item: copied to dst, or as the chain of a
// large one, with a reference taken.
func (s *shard) get(now int64, h uint64, dst, key []byte) (value []byte, chain int32, info Info, ok bool) {
	now = s.advance(now)
	var e entry
	if !s.find(h, key, &e) || !e.alive(now) {
		s.count.misses++
		return dst, none, Info{}, false
	}
	s.count.hits++
	if w := e.table.word(e.at); w.use() < maxUse {
		e.table.set(e.at, w+useOne)
	}
	info = e.info(now)
	if e.chain != none {
		s.segs[e.chain].refs++
		return dst, e.chain, info, true
	}
	return append(dst, e.value...), none, info, true
}

// unlink removes an item that was found.
func (s *shard) unlink(e *entry) {
	tag := e.table.word(e.at).tag()
	e.table.remove(e.at)
	s.index.n--
	s.markDead(e.pos, &e.record, false)
	s.shrink(tag, e.table)
}

// remove removes the key's item and reports whether it was visible.
func (s *shard) remove(now int64, h uint64, key []byte) bool {
	now = s.advance(now)
	var e entry
	if !s.find(h, key, &e) {
		return false
	}
	alive := e.alive(now)
	if alive {
		s.count.deleted++
	} else {
		s.count.expired++
	}
	s.unlink(&e)
	s.compact(now)
	return alive
}

// value is what a write stores: bytes, or a chain that holds them already.
type value struct {
	bytes  []byte
	chain  int32
	length int
	owner  *accountState
}

// condition is what a write requires of the present item.
type condition uint8

const (
	always condition = iota
	ifAbsent
	ifPresent
	ifVersion
)

func (c condition) check(e *entry, visible bool, version uint64) error {
	switch {
	case c == ifAbsent && visible:
		return ErrExists
	case (c == ifPresent || c == ifVersion) && !visible:
		return ErrNotFound
	case c == ifVersion && e.version != version:
		return ErrExists
	}
	return nil
}

// write stores a value under key if the condition holds. It returns errNoSpace,
// having changed nothing, if there is no memory for it.
func (s *shard) write(now int64, h uint64, key []byte, v value, ttl time.Duration, cond condition, version uint64) (uint64, error) {
	now = s.advance(now)
	var e entry
	found := s.find(h, key, &e)
	visible := found && e.alive(now)
	if err := cond.check(&e, visible, version); err != nil {
		return 0, err
	}
	r := record{key: key, value: v.bytes, length: v.length, chain: v.chain, expiry: expiry(now, ttl), version: s.version + 1, account: v.owner.id()}
	// The account gets back what the older item costs.
	back := int64(0)
	if found && e.account == r.account {
		back = e.cost()
	}
	if err := v.owner.reserve(r.cost(), back); err != nil {
		return 0, err
	}
	if found && s.overwrite(now, &e, &r) {
		copy(e.value, v.bytes)
		s.accountTable.of(e.account).release(e.cost())
	} else if !s.putWhole(now, h, &e, found, &r) {
		v.owner.release(r.cost())
		return 0, errNoSpace
	}
	s.count.sets++
	if found && !visible {
		s.count.expired++
	}
	return r.version, nil
}

// touch moves the deadline of a visible item.
func (s *shard) touch(now int64, h uint64, key []byte, ttl time.Duration) (uint64, error) {
	now = s.advance(now)
	var e entry
	if !s.find(h, key, &e) || !e.alive(now) {
		return 0, ErrNotFound
	}
	r := e.record
	r.version, r.expiry = s.version+1, expiry(now, ttl)
	if s.overwrite(now, &e, &r) {
		return r.version, nil
	}
	if r.chain != none {
		// The old record's reference passes to the new one.
		s.segs[r.chain].refs++
	}
	// put releases the charge for the old record.
	s.accountTable.of(r.account).charge(r.cost())
	if !s.put(now, h, &e, true, &r) {
		s.accountTable.of(r.account).release(r.cost())
		if r.chain != none {
			s.segs[r.chain].refs--
		}
		return 0, errNoSpace
	}
	return r.version, nil
}

// overwrite writes r's expiry over e's record, with the key's next version, if they fit
// there: the record keeps its size, and its bucket neither starts after the new
// deadline nor is wider than the new time to live allows.
//
// The next version is relative to the item's, not to the shard's, so that it stays within
// reach of the segment's base however often other items are changed.
func (s *shard) overwrite(now int64, e *entry, r *record) bool {
	seg := &s.segs[e.pos.segment()]
	next := e.version + 1
	if r.length != e.length || r.chain != e.chain || seg.fits(next) != seg.fits(e.version) || !seg.holds(r.expiry) {
		return false
	}
	if r.expiry != 0 && widthFor(r.expiry-now) < s.buckets[seg.bucket].width {
		return false
	}
	r.version = next
	seg.putState(s.space.unit(e.pos.segment())[e.pos.offset():], r)
	s.version = max(s.version, next)
	if w := e.table.word(e.at); w.use() < maxUse {
		e.table.set(e.at, w+useOne)
	}
	return true
}

// putWhole is put for a record that may have a large value which was in transit until
// now.
func (s *shard) putWhole(now int64, h uint64, e *entry, found bool, r *record) bool {
	if r.chain == none {
		return s.put(now, h, e, found, r)
	}
	if !s.settle(r.chain) {
		return false
	}
	if !s.put(now, h, e, found, r) {
		s.unsettle(r.chain)
		// The next attempt needs room for the value as well as for the record.
		s.need += s.segs[r.chain].weight
		return false
	}
	return true
}

// put appends r, which has been charged to its account, to the log and makes
// the index name it, in place of e if that was found.
func (s *shard) put(now int64, h uint64, e *entry, found bool, r *record) bool {
	tag := s.tag(h)
	var use uint8
	q := admission
	if found {
		q = s.segs[e.pos.segment()].pool
		use = min(e.table.word(e.at).use()+1, maxUse)
	} else {
		if !e.table.roomy() {
			if !s.ensure(tag) {
				return false
			}
			e.table = s.index.table(tag)
			e.at = e.table.seek(tag)
		}
		if s.ghost.remembers(h) && s.returns(r.cost()) {
			q = protected
		}
	}
	p, ok := s.appendRecord(bucketFor(now, r.expiry), q, r)
	if !ok {
		return false
	}
	s.version++
	s.bytes += len(r.key) + r.length
	s.squares += square(r.cost())
	if found {
		e.table.set(e.at, newWord(tag, use, p))
		s.markDead(e.pos, &e.record, r.chain != none && r.chain == e.chain)
	} else {
		e.table.insert(e.at, newWord(tag, 0, p))
		s.index.n++
	}
	s.compact(now)
	return true
}
