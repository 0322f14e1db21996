package sim

import (
	"cmp"
	"slices"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// judge asks the oracles about the history, and returns the hash of the run.
func (b *bubble) judge(o Options) uint64 {
	// Calls that end together do so in no order; their place in the script is
	// one.
	slices.SortStableFunc(b.done, func(x, y ended) int { return cmp.Compare(x.step, y.step) })
	var history []oracle.Op
	for i := range b.done {
		d := &b.done[i]
		history = append(history, d.ops...)
		for k := range d.ops {
			b.hash = script.Draw(b.hash, uint64(d.step), uint64(d.ops[k].Outcome), hashBytes(0, []byte(d.how)))
		}
	}
	if b.failure != nil || o.NoHistory || b.suspect {
		return b.hash
	}
	if v := judgeLocks(&b.locks, b.script, history); v != nil {
		b.violate(v.Rule, v.Detail)
		return b.hash
	}
	// Where time jumps, on tier 3, it may jump over a lease.
	b.loads.Quiet, b.loads.End = b.free == nil && isQuiet(b.script), int64(b.script.Ends())
	b.loads.Torn = !b.loads.Quiet
	if v := b.loads.Judge(history); v != nil {
		b.violate(v.Rule, v.Detail)
		return b.hash
	}
	for _, ops := range oracle.ByKey(b.loads.History(history)) {
		v := oracle.Zones(ops)
		if v == nil && oracle.Tractable(ops) {
			v = oracle.Linearizable(ops, b.script.Config.Evict || len(b.processes) > 1)
		}
		if v != nil {
			b.violate(v.Rule, v.Detail)
			break
		}
	}
	return b.hash
}

func (b *bubble) violate(rule, detail string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail(0, rule, detail)
}

// fail ends the run with a broken rule, in a lane. Only the first counts. It
// requires b.mu.
func (b *bubble) fail(lane int, rule, detail string) {
	if b.failure != nil {
		return
	}
	b.failure = &Failure{Rule: rule, Detail: detail, Step: len(b.done), At: b.elapsed()}
	b.note(lane, Broken, rule+": "+detail)
}
