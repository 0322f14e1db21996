package freshness

import (
	"sync"

	"github.com/Zezezknight/cryptomem/sealing"
)

const (
	shardCount = 64 // locks; the low bits of a tag pick one

	// A name may be in any way of the one set that its tag picks. Half of the ways
	// are for names that this process wrote or removed, so that reading many names
	// does not push those out.
	ways     = 8
	readWays = ways / 2 // ways [0, readWays) are for names that were only read

	// Envelopes that are dead: as many places as names / 4, in sets of tombstoneWays.
	tombstoneWays = 8

	maxNames = 1 << 28
)

// shard is a part of a table under one lock, held for memory work only.
type shard struct {
	mu   sync.Mutex
	sets []set
	dead []tombstones
	// Keeps the locks of two shards out of one cache line.
	_ [64]byte
}

// set holds ways names, field by field: telling that a name is not there reads one
// cache line.
type set struct {
	// 0 = free.
	tags    [ways]uint64
	current [ways]uint64
	stamps  [ways]sealing.Stamp
}

// tombstones holds envelopes that are dead under their names; the earliest to die gives
// its slot to the next.
type tombstones [tombstoneWays]tombstone

type tombstone struct {
	// key of name and envelope.
	key uint64
	// 0 = free.
	seq uint64
}

// A slot is where a set has a name. The zero slot is nowhere.
type slot struct {
	set *set
	way int
}

func (p slot) ok() bool             { return p.set != nil }
func (p slot) current() uint64      { return p.set.current[p.way] }
func (p slot) stamp() sealing.Stamp { return p.set.stamps[p.way] }

func (s *shard) init(sets int) {
	s.sets = make([]set, sets)
	s.dead = make([]tombstones, max(sets/4, 1))
}

func (t *Table) shard(tag uint64) *shard { return &t.shards[tag%shardCount] }

func (s *shard) setOf(tag uint64) *set {
	return &s.sets[tag/shardCount&uint64(len(s.sets)-1)]
}

func (s *shard) find(tag uint64) slot {
	set := s.setOf(tag)
	for way := range set.tags {
		if set.tags[way] == tag {
			return slot{set, way}
		}
	}
	return slot{}
}

// learn notes the envelope that an answer showed to be current, of id 0 for none,
// and the stamp that the name has reached.
func (s *shard) learn(t *Table, l Snapshot, e Envelope, own bool) {
	p := s.find(l.tag)
	s.settle(t, l, p, e.ID)
	if p = s.hold(p, l.tag, e.ID, own); e.Stamp > p.stamp() {
		p.set.stamps[p.way] = e.Stamp
	}
}

// settle: what was current when the request began, and is not what its answer
// shows, was replaced or removed in between. What came to be current since then
// is left alone: it is unknown which of the two came first.
func (s *shard) settle(t *Table, l Snapshot, p slot, id uint64) {
	if l.current != 0 && l.current != id {
		s.bury(t, l.tag, l.current)
	}
	if p.ok() && p.current() == l.current {
		p.set.current[p.way] = id
	}
}

// hold returns the slot of a name. A name that has none, or that was only read
// and is now written, gets the front slot of its kind; the last of the kind is
// forgotten.
func (s *shard) hold(p slot, tag, id uint64, own bool) slot {
	if p.ok() && (p.way >= readWays || !own) {
		return p
	}
	set, stamp := s.setOf(tag), sealing.Stamp(0)
	if p.ok() {
		id, stamp = p.current(), p.stamp()
		set.tags[p.way] = 0
	}
	front, free := 0, readWays-1
	if own {
		front, free = readWays, ways-1
	}
	for way := front; way < free; way++ {
		if set.tags[way] == 0 {
			free = way
		}
	}
	for way := free; way > front; way-- {
		set.tags[way], set.current[way], set.stamps[way] = set.tags[way-1], set.current[way-1], set.stamps[way-1]
	}
	set.tags[front], set.current[front], set.stamps[front] = tag, id, stamp
	return slot{set, front}
}

func (s *shard) tombstonesOf(tag, id uint64) (*tombstones, uint64) {
	key := mix(tag, id)
	return &s.dead[key>>32&uint64(len(s.dead)-1)], key
}

// bury notes that an envelope is not current under a name any more, and never will
// be again.
func (s *shard) bury(t *Table, tag, id uint64) {
	buried, key := s.tombstonesOf(tag, id)
	oldest := 0
	for i, g := range buried {
		if g.key == key && g.seq != 0 {
			return
		}
		if g.seq < buried[oldest].seq {
			oldest = i
		}
	}
	buried[oldest] = tombstone{key: key, seq: t.seq.Add(1)}
}

// isDead reports whether the envelope was known to be dead when the request began.
func (s *shard) isDead(l Snapshot, id uint64) bool {
	buried, key := s.tombstonesOf(l.tag, id)
	for _, g := range buried {
		if g.key == key && g.seq != 0 && g.seq <= l.seq {
			return true
		}
	}
	return false
}

func (s *shard) forgetStamps() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.sets {
		s.sets[i].stamps = [ways]sealing.Stamp{}
	}
}
