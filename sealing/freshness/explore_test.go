package freshness

import (
	"fmt"
	"hash/maphash"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sealing"
)

// A world is two clients of one store and one name. Its time is in milliseconds;
// the second client's clock is ahead by as much as clocks may differ. Everything
// that can happen next is a step, and the specs take every step in every
// state. Worlds are comparable, so that no state is gone through twice.
type world struct {
	now     int
	stored  int8 // the envelope in the store; 0 = none
	sealed  int8 // how many envelopes there are; their ids count from 1
	stamps  [maxSealed + 1]sealing.Stamp
	clients [2]memory
	calls   [maxWaiting]call // those under way, in the order in which they began
	waiting int8
	begun   int8
	evicted bool
	restart bool
	read    [2]int8 // what each client read last, for it to swap

	// What a spec that has no table would call known. Only kept where the store
	// lies.
	known [2]knowledge
}

const (
	maxSealed  = 3
	maxWaiting = 3
)

type verb int8

const (
	get verb = iota + 1
	write
	remove
	take
	flush  // of everything
	touch  // what was read last, sealed anew with its stamp, in its place if it is still there
	update // the same with a stamp of its own
)

func (v verb) swaps() bool { return v == touch || v == update }
func (v verb) seals() bool { return v == write || v.swaps() }

type phase int8

const (
	sent phase = iota + 1
	applied
)

type call struct {
	verb     verb
	client   int8
	phase    phase
	at       int // when it was sent
	snapshot Snapshot
	stamp    sealing.Stamp // of a removal
	wrote    int8          // the envelope of a write, or of a swap
	inside   int8          // the envelope that a swap takes the place of
	found    int8          // the envelope of an answer

	knew    knowledge // when it began
	overlap bool      // another call of the client ended meanwhile
}

// knowledge is what one client has seen with its own eyes.
type knowledge struct {
	newest sealing.Stamp
	seen   [maxSealed + 1]bool // current, at some time
	over   [maxSealed + 1]bool // and replaced or removed later
}

// rules are what a spec varies.
type rules struct {
	clocks, delay int // as they are
	stamped       bool
	verbs         []verb
	calls         int8 // in all
	until         int  // the last millisecond
	unbounded     bool // writes may land however late
	hostile       bool
	evicts        bool
	restarts      bool
}

// memory is all that a table knows of the one name.
type memory struct {
	way     int8 // where the name is; -1 before it is known
	current uint64
	stamp   sealing.Stamp
	dead    tombstones
	last    uint64
	floor   uint64
	seq     uint64
}

var oneName = []byte("name")

func (m *memory) load(t *Table) {
	tag := t.hash.sum(oneName)
	s := t.shard(tag)
	p := slot{s.setOf(tag), int(m.way)}
	*p.set = set{}
	if m.way >= 0 {
		p.set.tags[p.way], p.set.current[p.way], p.set.stamps[p.way] = tag, m.current, m.stamp
	}
	s.dead[0] = m.dead
	t.last.Store(m.last)
	t.floor.Store(m.floor)
	t.seq.Store(m.seq)
}

func (m *memory) save(t *Table) {
	tag := t.hash.sum(oneName)
	s := t.shard(tag)
	*m = memory{way: -1, dead: s.dead[0], last: t.last.Load(), floor: t.floor.Load(), seq: t.seq.Load()}
	if p := s.find(tag); p.ok() {
		m.way, m.current, m.stamp = int8(p.way), p.current(), p.stamp()
	}
}

var unknown = memory{way: -1}

// explorer goes through all worlds that rules allow.
type explorer struct {
	rules
	table *Table
	seed  maphash.Seed
	met   map[uint64]struct{} // hashes of worlds
	alarm string              // the first honest answer refused, or lie believed
	trace []func() string     // what happened, put into words only for an alarm
	path  []*world            // the worlds that led here, and room for those beyond
}

func explore(r rules) *explorer { return exploreWindow(r, int64(r.clocks+r.delay)) }

// exploreWindow is explore with tables whose W is so many milliseconds.
func exploreWindow(r rules, window int64) *explorer {
	GinkgoHelper()
	t, err := New(Config{Clocks: time.Duration(r.clocks) * time.Millisecond, Names: 1, Key: [16]byte{1}})
	Expect(err).NotTo(HaveOccurred())
	t.window = window
	x := &explorer{rules: r, table: t, seed: maphash.MakeSeed(), met: map[uint64]struct{}{}}
	x.visit(&world{clients: [2]memory{unknown, unknown}})
	return x
}

func (x *explorer) visit(w *world) {
	key := maphash.Comparable(x.seed, *w)
	if _, met := x.met[key]; met || x.alarm != "" {
		return
	}
	x.met[key] = struct{}{}
	for c := range int8(2) {
		for _, v := range x.verbs {
			x.step(w, func() string { return fmt.Sprintf("client %d sends %v", c, v) }, func(w *world) bool { return x.begin(w, c, v) })
		}
	}
	for i := range w.waiting {
		x.step(w, func() string { return fmt.Sprintf("call %d gets lost", i) }, func(w *world) bool { return w.lose(i) })
		// a hostile server answers without applying anything
		if x.hostile {
			for e := range w.sealed + 1 {
				x.step(w, func() string { return fmt.Sprintf("call %d is answered with %d", i, e) }, func(w *world) bool { return x.lie(w, i, e) })
			}
		} else {
			x.step(w, func() string { return fmt.Sprintf("call %d is applied", i) }, func(w *world) bool { return w.apply(i) })
			x.step(w, func() string { return fmt.Sprintf("call %d is answered", i) }, func(w *world) bool { return x.answer(w, i) })
		}
	}
	if x.evicts && !w.evicted && w.stored != 0 {
		x.step(w, func() string { return "the store evicts" }, func(w *world) bool {
			w.evicted, w.stored = true, 0
			return true
		})
	}
	if x.restarts && !w.restart {
		x.step(w, func() string { return "client 0 starts again" }, func(w *world) bool {
			w.restart, w.clients[0], w.read[0] = true, unknown, 0
			for i := w.waiting - 1; i >= 0; i-- {
				if w.calls[i].client == 0 {
					w.end(i)
				}
			}
			return true
		})
	}
	if w.now == x.until {
		return
	}
	x.step(w, func() string { return "a millisecond passes" }, func(w *world) bool {
		w.now++
		for i := range w.waiting {
			c := &w.calls[i]
			if !x.unbounded && c.phase == sent && c.verb != get && w.now > c.at+x.delay {
				return false // it is applied before, or lost
			}
		}
		return true
	})
}

func (x *explorer) step(from *world, what func() string, do func(*world) bool) {
	if x.alarm != "" {
		return
	}
	if len(x.path) == len(x.trace) {
		x.path = append(x.path, new(world))
	}
	w := x.path[len(x.trace)]
	*w = *from
	if !do(w) {
		return
	}
	x.trace = append(x.trace, what)
	if x.alarm != "" {
		var trace []string
		for _, what := range x.trace {
			trace = append(trace, what())
		}
		x.alarm += fmt.Sprint(": ", trace)
		return
	}
	x.visit(w)
	x.trace = x.trace[:len(x.trace)-1]
}

// clock is what the client's shows.
func (x *explorer) clock(w *world, client int8) time.Time {
	return time.UnixMilli(int64(1000 + w.now + int(client)*x.clocks))
}

// with lets f work with a client's table.
func (x *explorer) with(w *world, client int8, f func(t *Table)) {
	w.clients[client].load(x.table)
	f(x.table)
	w.clients[client].save(x.table)
}

func (x *explorer) begin(w *world, client int8, v verb) bool {
	waiting := 0
	for i := range w.waiting {
		if w.calls[i].client == client {
			waiting++
		}
	}
	if w.begun == x.calls || w.waiting == maxWaiting || waiting == 2 || v.seals() && w.sealed == maxSealed {
		return false
	}
	c := call{verb: v, client: client, phase: sent, at: w.now, knew: w.known[client]}
	if v.swaps() {
		if c.inside = w.read[client]; c.inside == 0 {
			return false
		}
	}
	x.with(w, client, func(t *Table) {
		c.snapshot = t.Begin(oneName)
		if v != get && v != touch {
			c.stamp = t.Stamp(x.clock(w, client))
		}
	})
	if v.seals() {
		w.sealed++
		c.wrote = w.sealed
		switch {
		case v == touch:
			w.stamps[c.wrote] = w.stamps[c.inside]
		case x.stamped:
			w.stamps[c.wrote] = c.stamp
		}
	}
	w.calls[w.waiting] = c
	w.waiting++
	w.begun++
	return true
}

func (w *world) apply(i int8) bool {
	c := &w.calls[i]
	if c.phase != sent {
		return false
	}
	c.phase, c.found = applied, w.stored
	switch c.verb {
	case write:
		w.stored = c.wrote
	case remove, take, flush:
		w.stored = 0
	case touch, update:
		if c.found = 0; w.stored == c.inside {
			c.found, w.stored = c.wrote, c.wrote
		}
	}
	return true
}

// end takes a call out of those under way.
func (w *world) end(i int8) {
	copy(w.calls[i:], w.calls[i+1:])
	w.calls[maxWaiting-1] = call{}
	w.waiting--
}

// lose ends a call that never arrived, or whose answer does not.
func (w *world) lose(i int8) bool {
	w.end(i)
	return true
}

func (w *world) envelope(e int8) Envelope { return Envelope{w.stamps[e], uint64(e)} }

func (x *explorer) answer(w *world, i int8) bool {
	c := w.calls[i]
	if c.phase != applied {
		return false
	}
	if err := x.finish(w, i, c.found); err != nil {
		x.alarm = fmt.Sprintf("call %d: %v", i, err)
	}
	return true
}

// finish has the client learn from the answer to a call, which found an envelope if
// it was looking for one.
func (x *explorer) finish(w *world, i, found int8) (err error) {
	c := w.calls[i]
	w.end(i)
	now := x.clock(w, c.client)
	x.with(w, c.client, func(t *Table) {
		switch {
		case c.verb == write:
			t.Written(c.snapshot, w.envelope(c.wrote))
		case c.verb == remove:
			t.Deleted(c.snapshot, c.stamp)
		case c.verb == flush:
			t.Flushed(c.stamp)
		case c.verb.swaps():
			if found != 0 { // else it was refused, of which nothing is to be learned
				t.Written(c.snapshot, w.envelope(c.wrote))
			}
		case found == 0:
			t.Miss(c.snapshot)
		case c.verb == take:
			err = t.GetDeleted(c.snapshot, w.envelope(found), c.stamp, now)
		default:
			err = t.Hit(c.snapshot, w.envelope(found), now)
		}
	})
	if c.verb == get && err == nil {
		w.read[c.client] = found
	}
	return err
}

// lie answers a call with any envelope that there ever was, or none, and holds what
// the client makes of it against what it has seen.
func (x *explorer) lie(w *world, i, found int8) bool {
	c := w.calls[i]
	switch {
	case c.phase != sent, found != 0 && (c.verb == write || c.verb == remove || c.verb == flush):
		return false
	case c.verb.swaps() && found != 0 && found != c.wrote:
		return false // the answer is that it was done, or not
	}
	window := int64(x.clocks + x.delay)
	superseded := found != 0 && !c.verb.swaps() && (c.knew.over[found] ||
		x.stamped && w.stamps[found].Millis()+window < c.knew.newest.Millis())
	err := x.finish(w, i, found)
	if superseded && err == nil {
		x.alarm = fmt.Sprintf("call %d believed %d", i, found)
	}
	if err == nil && (found != 0 || !c.verb.swaps()) {
		w.known[c.client].note(w, c, found)
	}
	for j := range w.waiting {
		if w.calls[j].client == c.client {
			w.calls[j].overlap = true
		}
	}
	return true
}

// note is what a client could know after a call, worked out without a table.
func (k *knowledge) note(w *world, c call, found int8) {
	switch c.verb {
	case flush: // it says nothing of which envelope is there
		k.newest = max(k.newest, c.stamp)
		return
	case write, touch, update:
		found, k.newest = c.wrote, max(k.newest, w.stamps[c.wrote])
	case remove:
		k.newest = max(k.newest, c.stamp)
	case take:
		if found != 0 {
			k.over[found] = true
			k.newest = max(k.newest, w.stamps[found], c.stamp)
		}
		found = 0
	default:
		k.newest = max(k.newest, w.stamps[found])
	}
	for e := range k.seen {
		if c.knew.seen[e] && int8(e) != found {
			k.over[e] = true
		}
	}
	if found != 0 && !c.overlap {
		k.seen[found] = true
	}
}
