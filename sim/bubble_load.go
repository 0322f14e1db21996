package sim

import (
	"context"
	"errors"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// A loadError is what a loader fails with that is to fail.
type loadError string

// Error returns the label of the load.
func (e loadError) Error() string { return string(e) }

// load makes a call that gets a value or loads it, with the product's GetOrLoad.
func (u *user) load(ctx context.Context, a *script.Action) ([]byte, error) {
	opts := []cryptomem.LoadOption{cryptomem.TTL(a.TTL), cryptomem.Stale(a.Stale), cryptomem.Lease(a.Lease)}
	return u.client.GetOrLoad(ctx, a.Key, func(ctx context.Context) ([]byte, error) { return u.loader(ctx, a) }, opts...)
}

// loader takes its time, and makes the value or fails.
func (u *user) loader(ctx context.Context, a *script.Action) ([]byte, error) {
	b := u.b
	run := &oracle.Loading{Client: u.index, Name: a.Key, Label: a.Value.Label, From: b.moment(), To: oracle.Never, Failed: a.Verb == script.LoadFail}
	b.mu.Lock()
	b.loads.Began(run)
	b.mu.Unlock()
	if err := b.pass(ctx, a.Takes); err != nil {
		return nil, err
	}
	b.mu.Lock()
	run.To = b.moment()
	b.mu.Unlock()
	if run.Failed {
		return nil, loadError(run.Label)
	}
	return a.Value.AppendTo(nil), nil
}

// pass waits until so much of the script's time is over, or ctx.
func (b *bubble) pass(ctx context.Context, d time.Duration) error {
	if b.free == nil {
		timer := b.clk.Timer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	for at := b.free.Now().Add(d); b.free.Now().Before(at) && ctx.Err() == nil; {
		b.free.Sleep(time.Millisecond)
	}
	return ctx.Err()
}

// loaded enters a load's end into the history, and returns it in words. It requires
// b.mu.
func (u *user) loaded(step int, a *script.Action, op oracle.Op, value []byte, err error) (how string) {
	b := u.b
	call := oracle.LoadCall{
		Client: u.index, Name: a.Key, Label: a.Value.Label, TTL: a.TTL, Stale: a.Stale, Call: op.Call, Return: op.Return,
	}
	b.ledger.Written(a.Value.Label, u.clk.Now())
	var failed loadError
	switch op.Outcome = oracle.Void; {
	case err == nil:
		how = script.Label(value)
		call.Seen = how
		if v := b.ledger.Accepted(how, a.Key, b.clk.Now(), 0); v != nil {
			b.fail(u.index, v.Rule, v.Detail)
		} else if !b.values[how].Is(value) {
			b.fail(u.index, oracle.RuleSealed, a.String()+": what was opened only begins like "+how)
		}
	case errors.As(err, &failed):
		how, call.Seen, call.Failed = script.WantFailed, string(failed), true
	case errors.Is(err, context.Canceled):
		how, call.Return = script.WantUnanswered, oracle.Never
	default:
		how = script.WantError
		b.fail(u.index, RuleRefusal, a.String()+": "+err.Error())
	}
	b.loads.Called(call)
	if !a.Allows(how, b.free != nil) {
		b.fail(u.index, RuleExpect, a.String()+", and it came to \""+how+"\"")
	}
	b.done = append(b.done, ended{step: step, ops: []oracle.Op{op}, how: how})
	return how
}

// isQuiet reports whether nothing goes wrong in a script, so that all can be demanded
// of loads. A request that waits for an expiry holds up its client's others, such as
// one that would keep a lease.
func isQuiet(s *script.Script) bool {
	c := &s.Config
	if c.Deadline > 0 || c.Inflight > 0 || c.Identities > 0 || c.InFlight > 0 || c.Hostile || c.Evict || c.MaxMemory < roomy ||
		c.Fragment.Max > 0 || c.Window < 64<<10 || c.MaxValueSize < 1<<10 || c.Delay.Max > 2*time.Millisecond || c.Servers > 1 {
		return false
	}
	for i := range s.Actions {
		switch a := &s.Actions[i]; a.Verb {
		case script.Cancel, script.Rotate, script.Retire, script.Flush:
			return false
		default:
			if a.Aim.On || a.Verb.IsFault() || a.Verb.UsesDisk() || a.Actor.Kind == script.Raw || a.Verb.IsLoading() && a.Lease > 0 && a.Lease < 100*time.Millisecond {
				return false
			}
		}
	}
	return true
}
