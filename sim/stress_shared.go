package sim

import (
	"context"
	"errors"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// lock makes a call about a lock.
func (w *stress) lock(client *cryptomem.Client, a *script.Action, locks map[string]*held) {
	w.mu.Lock()
	had := locks[a.Key]
	if a.Verb == script.Lock {
		w.holders++
		had = &held{claim: oracle.Claim{Name: a.Key, Holder: w.holders}}
	}
	w.mu.Unlock()
	if had == nil {
		return
	}
	began := w.clk.Since(w.start)
	claim, err := askLock(context.Background(), client, a, had)
	claim.Call, claim.Return = int64(began), int64(w.clk.Since(w.start))
	if claim.Outcome == oracle.Unknown {
		claim.Return = oracle.Never
	}
	if err == nil && a.Verb != script.Unlock {
		had.claim, locks[a.Key] = claim, had
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.locks.Claimed(claim)
}

// load makes a call that gets a value or loads it.
func (w *stress) load(client *cryptomem.Client, index int, a *script.Action) {
	call := oracle.LoadCall{
		Client: index, Name: a.Key, Label: a.Value.Label, TTL: a.TTL, Stale: a.Stale, Call: int64(w.clk.Since(w.start)),
	}
	value, err := client.GetOrLoad(context.Background(), a.Key, func(context.Context) ([]byte, error) {
		now := int64(w.clk.Since(w.start))
		run := &oracle.Loading{Client: index, Name: a.Key, Label: a.Value.Label, From: now, To: now, Failed: a.Verb == script.LoadFail}
		w.mu.Lock()
		w.loads.Began(run)
		w.mu.Unlock()
		if run.Failed {
			return nil, loadError(run.Label)
		}
		return a.Value.AppendTo(nil), nil
	}, cryptomem.TTL(a.TTL), cryptomem.Stale(a.Stale), cryptomem.Lease(a.Lease))
	call.Return = int64(w.clk.Since(w.start))
	var failed loadError
	switch call.Seen = script.Label(value); {
	case errors.As(err, &failed):
		call.Return = oracle.Never // a load may end long after its loader, in real time
	case err != nil:
		w.violate(RuleRefusal, "%v: %v", a, err)
	case !w.values[call.Seen].Is(value):
		w.violate(oracle.RuleSealed, "%v opened %d bytes that only begin like %q", a, len(value), call.Seen)
	default:
		if v := w.ledger.Accepted(call.Seen, a.Key, w.clk.Now(), 0); v != nil {
			w.violate(v.Rule, "%s", v.Detail)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loads.Called(call)
}
