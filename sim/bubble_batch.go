package sim

import (
	"context"
	"slices"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// gathered is a call that waits to be made with others.
type gathered struct {
	step   int
	action *script.Action
}

// expectBatch lets the user's next n calls wait for each other.
func (u *user) expectBatch(n int) {
	u.sendBatch()
	u.batch = make([]gathered, 0, n)
}

// gathers reports whether a call waits for others. The last of them sends all.
func (u *user) gathers(step int, a *script.Action) bool {
	if cap(u.batch) == 0 || !batches(a.Verb) {
		return false
	}
	if u.batch = append(u.batch, gathered{step, a}); len(u.batch) == cap(u.batch) {
		u.sendBatch()
	}
	return true
}

// sendBatch makes all calls that have been gathered, in one go, when those before
// them are over if they have to be.
func (u *user) sendBatch() {
	all, b := u.batch, u.b
	u.batch = nil
	if len(all) == 0 {
		return
	}
	last := all[len(all)-1].step
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), stepKey{}, last))
	b.mu.Lock()
	defer b.mu.Unlock()
	before := u.before()
	b.pending += len(all)
	over := make(chan struct{})
	u.calls = append(u.calls, underway{last, cancel, over})
	b.work.Go(func() {
		defer close(over)
		defer cancel()
		if before != nil {
			<-before
		}
		b.gate.pass(&ticket{id: 1<<31 | uint64(last), lane: u.index, step: last})
		u.runBatch(ctx, all)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.pending -= len(all)
		u.calls = slices.DeleteFunc(u.calls, func(c underway) bool { return c.step == last })
	})
}

// runBatch makes the calls, and enters their ends into the history.
func (u *user) runBatch(ctx context.Context, all []gathered) {
	b, batch := u.b, u.client.Batch()
	ops, known, traced := make([]oracle.Op, len(all)), make([]*oracle.Recall, len(all)), make([]int, len(all))
	for i, g := range all {
		a := g.action
		ops[i] = oracle.Op{Client: u.index, Verb: a.Verb, Key: a.Key, Label: a.Value.Label, TTL: a.TTL, Call: b.moment()}
		known[i], traced[i] = u.recall(a.Key), b.noteCall(u.index, a)
		switch a.Verb {
		case script.Get:
			batch.Get(a.Key)
		case script.Delete:
			batch.Delete(a.Key)
		default:
			u.writing(a, &ops[i])
			batch.Set(a.Key, a.Value.AppendTo(nil), cryptomem.TTL(a.TTL))
		}
	}
	results := batch.Run(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, g := range all {
		ops[i].Return = b.moment()
		well := b.failure == nil
		how := u.outcome(g.step, g.action, ops[i], known[i], results[i].Value, results[i].Err)
		b.noteEnd(traced[i], how, well && b.failure != nil)
	}
}
