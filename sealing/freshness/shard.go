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

	// Envelopes that are dead: as many places as names / 4, in sets of deadWays.
	deadWays = 8

	maxNames = 1 << 28
)

// shard is a part of a table under one lock, held for memory work only.
type shard struct {
	mu   sync.Mutex
	sets []set
	dead []graves
	_    [64]byte // keeps the locks of two shards out of one cache line
}

// set holds ways names, field by field: telling that a name is not there reads one
// cache line.
type set struct {
	tags    [ways]uint64 // 0 = free
	current [ways]uint64
	stamps  [ways]sealing.Stamp
}

// graves holds envelopes that are dead under their names; the earliest to die gives
// its place to the next.
type graves [deadWays]grave

type grave struct {
	key uint64 // of name and envelope
	seq uint64 // 0 = free
}

// place is where a set has a name. The zero place is nowhere.
type place struct {
	set *set
	way int
}

func (p place) ok() bool             { return p.set != nil }
func (p place) current() uint64      { return p.set.current[p.way] }
func (p place) stamp() sealing.Stamp { return p.set.stamps[p.way] }

func (s *shard) init(sets int) {
	s.sets = make([]set, sets)
	s.dead = make([]graves, max(sets/4, 1))
}

func (t *Table) shard(tag uint64) *shard { return &t.shards[tag%shardCount] }

func (s *shard) setOf(tag uint64) *set {
	return &s.sets[tag/shardCount&uint64(len(s.sets)-1)]
}

func (s *shard) find(tag uint64) place {
	set := s.setOf(tag)
	for way := range set.tags {
		if set.tags[way] == tag {
			return place{set, way}
		}
	}
	return place{}
}

// learn notes the envelope that an answer showed to be current, of id 0 for none,
// and the stamp that the name has reached.
func (s *shard) learn(t *Table, l Look, e Envelope, own bool) {
	p := s.find(l.tag)
	s.settle(t, l, p, e.ID)
	if p = s.hold(p, l.tag, e.ID, own); e.Stamp > p.stamp() {
		p.set.stamps[p.way] = e.Stamp
	}
}

// settle: what was current when the request began, and is not what its answer
// shows, was replaced or removed in between. What came to be current since then
// is left alone: nobody knows which of the two came first.
func (s *shard) settle(t *Table, l Look, p place, id uint64) {
	if l.current != 0 && l.current != id {
		s.bury(t, l.tag, l.current)
	}
	if p.ok() && p.current() == l.current {
		p.set.current[p.way] = id
	}
}

// hold returns the place of a name. A name that has none, or that was only read
// and is now written, gets the front place of its kind; the last of the kind is
// forgotten.
func (s *shard) hold(p place, tag, id uint64, own bool) place {
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
	return place{set, front}
}

func (s *shard) gravesOf(tag, id uint64) (*graves, uint64) {
	key := mix(tag, id)
	return &s.dead[key>>32&uint64(len(s.dead)-1)], key
}

// bury notes that an envelope is not current under a name any more, and never will
// be again.
func (s *shard) bury(t *Table, tag, id uint64) {
	graves, key := s.gravesOf(tag, id)
	oldest := 0
	for i, g := range graves {
		if g.key == key && g.seq != 0 {
			return
		}
		if g.seq < graves[oldest].seq {
			oldest = i
		}
	}
	graves[oldest] = grave{key: key, seq: t.seq.Add(1)}
}

// isDead reports whether the envelope was known to be dead when the request began.
func (s *shard) isDead(l Look, id uint64) bool {
	graves, key := s.gravesOf(l.tag, id)
	for _, g := range graves {
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
