package oracle

import (
	"time"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// A Memory is what one client cannot but know of the keys that it has read and
// written, and so must not accept any more, whatever the server answers:
//
//   - a value that it has seen, once a later call of its own has shown another
//     one or none;
//   - a value that was sealed longer than a window before what it knows to have
//     been sealed, or removed, under the same key.
//
// It knows calls, labels and times alone, not how the product remembers. What
// overlapping calls show is in no order: from such it concludes less. Not safe
// for concurrent use.
type Memory struct {
	ledger *Ledger
	limits MemoryLimits
	seq    int // moments so far: beginnings and ends of calls
	ended  int // calls
	keys   map[string]*known
}

// MemoryLimits are how far a Memory may conclude.
type MemoryLimits struct {
	// Clocks is by how much two clocks may differ, and Delay how long a write may
	// be on its way. Without Timed, nothing is concluded from times: clocks differ
	// by more.
	Clocks, Delay time.Duration
	Timed         bool

	// Kept is for how many calls a client has to remember that a value is gone.
	Kept int

	// Resealed are the keys that a touch may seal again: one label is several
	// envelopes there, of which a client need not have met each.
	Resealed map[string]bool
}

// known is what is known of one key.
type known struct {
	underway []*Recall
	seen     map[string]int     // when a value was shown by a call that nothing overlapped
	gone     map[string]passing // values that are not there any more
	newest   []learned          // ever newer sealing times, and since when they are known
}

type passing struct{ seq, ended int }

type learned struct {
	seq int
	at  time.Time
}

// A Recall is what was known when a call began.
type Recall struct {
	seq   int
	wall  time.Time
	alone bool // no other call on the key overlaps it
}

// NewMemory returns the memory of a client that knows nothing. The ledger says when
// values were sealed.
func NewMemory(l *Ledger, limits MemoryLimits) *Memory {
	return &Memory{ledger: l, limits: limits, keys: map[string]*known{}}
}

func (m *Memory) key(name string) *known {
	k := m.keys[name]
	if k == nil {
		k = &known{seen: map[string]int{}, gone: map[string]passing{}}
		m.keys[name] = k
	}
	return k
}

// Begin notes that a call on the key begins, when the client's clock shows wall.
func (m *Memory) Begin(key string, wall time.Time) *Recall {
	m.seq++
	k := m.key(key)
	r := &Recall{seq: m.seq, wall: wall, alone: len(k.underway) == 0}
	for _, other := range k.underway {
		other.alone = false
	}
	k.underway = append(k.underway, r)
	return r
}

// shown is what a call's end tells of its key.
type shown uint8

const (
	shownNothing shown = iota // the call failed, or its end tells nothing
	shownValue                // a value is there
	shownAbsence              // none is there
	shownRemoved              // none is there, and the call has seen to that
	shownTaken                // a value was there, and the call removed it
)

// shownBy returns what the end of an operation tells, and of which value.
func shownBy(o *Op) (shown, string) {
	read := o.Verb == script.Get || o.Verb == script.GetV || o.Verb == script.GetDel
	remove := o.Verb == script.Delete || o.Verb == script.GetDel
	switch {
	case o.Outcome == Done && o.Verb.IsWrite():
		return shownValue, o.Label
	case o.Outcome == Done && read && remove:
		return shownTaken, o.Seen
	case o.Outcome == Done && read:
		return shownValue, o.Seen
	case o.Outcome == Miss && read:
		return shownAbsence, ""
	case (o.Outcome == Miss || o.Outcome == Done) && remove:
		return shownRemoved, ""
	}
	return shownNothing, ""
}

// End notes how a call ended.
func (m *Memory) End(r *Recall, o *Op) {
	m.seq++
	m.ended++
	k := m.key(o.Key)
	what, label := shownBy(o)
	for i, other := range k.underway {
		if other == r {
			k.underway = append(k.underway[:i], k.underway[i+1:]...)
			break
		}
	}
	if what == shownNothing {
		return
	}
	for other, since := range k.seen {
		if since < r.seq && (other != label || what == shownTaken) {
			m.bury(k, other)
		}
	}
	switch what {
	case shownTaken:
		m.bury(k, label)
		m.learn(k, r.wall)
	case shownRemoved:
		m.learn(k, r.wall)
	case shownValue:
		if _, dead := k.gone[label]; r.alone && !dead && m.ledger.once(label) && !m.limits.Resealed[o.Key] {
			k.seen[label] = m.seq
		}
		if from, _, ok := m.ledger.sealedBetween(label); ok {
			m.learn(k, from)
		}
	}
}

func (m *Memory) bury(k *known, label string) {
	delete(k.seen, label)
	if _, dead := k.gone[label]; !dead {
		k.gone[label] = passing{m.seq, m.ended}
	}
}

func (m *Memory) learn(k *known, at time.Time) {
	if n := len(k.newest); n == 0 || at.After(k.newest[n-1].at) {
		k.newest = append(k.newest, learned{m.seq, at})
	}
}

// Accepted checks a value that the client took for the one under key in a call
// that has not been noted as ended yet.
func (m *Memory) Accepted(r *Recall, key, label string) *Violation {
	k := m.key(key)
	if gone, ok := k.gone[label]; ok && gone.seq < r.seq && m.ended-gone.ended < m.limits.Kept && m.ledger.once(label) && !m.limits.Resealed[key] {
		return violation(RuleSuperseded, "%q was accepted as %q's value by a client that knew it to be replaced or removed", label, key)
	}
	_, to, ok := m.ledger.sealedBetween(label)
	if !m.limits.Timed || !ok || to.IsZero() {
		return nil
	}
	for i := len(k.newest) - 1; i >= 0; i-- {
		if newest := k.newest[i]; newest.seq < r.seq {
			// A stamp may run ahead of its clock as far as another one does.
			if limit := newest.at.Add(-2*m.limits.Clocks - m.limits.Delay - stampUnit); to.Before(limit) {
				return violation(RuleSuperseded, "%q was accepted as %q's value by a client that knew of something sealed there %v later", label, key, newest.at.Sub(to))
			}
			break
		}
	}
	return nil
}

// stampUnit is what times in an envelope are rounded to, twice.
const stampUnit = 2 * time.Millisecond
