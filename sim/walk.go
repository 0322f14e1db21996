package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// A Walk is a run of tier 1 without a prepared script. The caller chooses what
// happens next, one action at a time, among the actions that are possible. A script
// of the same actions has the same outcome under [Run].
//
//	walk := sim.NewWalk(s)                    // s.Config.ByHand
//	walk.Do(&script.Action{Actor: c1, Verb: script.Get, Key: "k"})
//	if link := walk.Link(1); len(link.Up) > 0 { … } // the request is under way
//	failure := walk.End()
//
// It cannot be continued after End or Leave, one of which must be called.
type Walk struct{ w *world }

// NewWalk begins a run of the script's world. None of the script's actions happens by
// itself; they are what may come, as far as the judges ask.
func NewWalk(s *script.Script) *Walk {
	own := *s
	w := newWorld(&own, Options{})
	own.Actions = nil
	return &Walk{w}
}

// Do lets an action happen. Its time must not be before that of the one before.
func (k *Walk) Do(a *script.Action) {
	defer k.w.recovered()
	k.w.runUntil(int64(a.At))
	if k.w.failure != nil {
		return
	}
	k.w.step++
	k.w.script.Actions = append(k.w.script.Actions, *a)
	k.w.act(a)
}

// Failure returns the promise that was broken, nil if none was yet.
func (k *Walk) Failure() *Failure { return k.w.failure }

// Executed returns how many requests the server has executed.
func (k *Walk) Executed() int { return k.w.executed }

// Ended returns the calls that are over, in the order in which they ended, as the
// oracles are told of them. The slice is the walk's.
func (k *Walk) Ended() []oracle.Op { return k.w.history }

// A Link is what is under way between a client and its server: in each direction
// the sizes of the chunks, in bytes, the next one first.
type Link struct {
	Open     bool
	Up, Down []int
	// Calls without an answer.
	Pending int
}

// Link returns the state of a client's link.
func (k *Walk) Link(client int) (l Link) {
	c := k.w.clients[client-1]
	l.Pending = len(c.waiting[0])
	e := c.ends[0]
	if e == nil {
		return l
	}
	l.Open = true
	l.Pending += len(e.calls)
	l.Up, l.Down = e.conn.up.sizes(), e.conn.down.sizes()
	return l
}

func (p *pipe) sizes() (all []int) {
	if p.blocked {
		return nil
	}
	for _, c := range p.chunks[p.first:] {
		all = append(all, c.size)
	}
	return all
}

// Instants returns the times to come at which something may be other than it is now
// because of time alone, in their order: one nanosecond before an item in the store
// expires, or a sealed value is refused as expired, that very instant, and one
// nanosecond later. How far back a client's memory reaches is not among them.
func (k *Walk) Instants() (all []time.Duration) {
	w := k.w
	consider := func(instant int64) {
		for t := instant - 1; t <= instant+1; t++ {
			if t > w.now {
				all = append(all, time.Duration(t))
			}
		}
	}
	for _, s := range w.servers {
		if s.down {
			continue
		}
		for expiry := range s.model.Expiries() {
			if expiry < farFuture {
				consider(s.worldTime(expiry))
			}
		}
	}
	for expiry := range w.ledger.Expiries() {
		consider(int64(expiry.Add(skew).Sub(epoch)))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// End ends all faults, lets everything complete, asks every oracle and returns the
// promise that was broken, nil if every one was kept.
func (k *Walk) End() *Failure {
	k.w.conclude()
	return k.w.failure
}

// Fingerprint is a hash of what anyone can tell of the run when it is over: what
// came of each client's calls, in their order, and what the store would have shown.
func (k *Walk) Fingerprint() uint64 {
	w := k.w
	var lines []string
	order := slices.Clone(w.history)
	slices.SortStableFunc(order, func(a, b oracle.Op) int { return a.Client - b.Client })
	for i := range order {
		o := &order[i]
		lines = append(lines, fmt.Sprint(o.Client, o.Verb, o.Key, o.Label, o.Outcome, o.Seen))
	}
	for _, s := range w.servers {
		lines = append(lines, s.model.Lines()...)
	}
	h := hashBytes(uint64(w.now), nil)
	for _, l := range lines {
		h = hashBytes(h, []byte(l))
	}
	return h
}

// Leave ends the walk without looking at anything.
func (k *Walk) Leave() {
	for _, s := range k.w.servers {
		s.close()
	}
}
