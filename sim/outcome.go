package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sealing/freshness"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// outcome enters a call's end into the history, and returns it in words. It
// requires b.mu.
func (u *user) outcome(step int, a *script.Action, op oracle.Op, known *oracle.Recall, value []byte, err error) (how string) {
	b := u.b
	if a.Verb.IsLoading() {
		return u.loaded(step, a, op, value, err)
	}
	op.Outcome, how = classify(a, err)
	if a.Verb.IsWrite() {
		b.ledger.Written(a.Value.Label, u.clk.Now())
	}
	var server *cryptomem.ServerError
	switch {
	case errors.Is(err, cryptomem.ErrNotAuthentic) && !b.suspect && !u.retired:
		b.fail(u.index, oracle.RuleSealed, a.String()+": an honest server's value does not open")
	case errors.Is(err, freshness.ErrSuperseded) && !b.suspect && !b.stepped:
		b.fail(u.index, RuleRefusal, a.String()+": an honest server's value is taken for one that was replaced")
	case how == script.WantDenied, b.script.Config.Refuses() && (how == script.WantBusy || how == script.WantLost), how == script.WantError && b.script.Config.Identities > 0 && errors.Is(err, cryptomem.ErrFull):
	case how == script.WantError && b.script.Config.AuthTimeout > 0 && strings.Contains(err.Error(), "no successful AUTH"):
	case errors.As(err, &server) && !b.suspect && a.TTL >= 0 && b.script.Config.MaxMemory >= roomy:
		b.fail(u.index, RuleRefusal, a.String()+": "+err.Error())
	case err == nil && readsValue(a.Verb):
		how = script.Label(value)
		op.Seen = how
		if v := b.ledger.Accepted(how, a.Key, b.clk.Now(), 0); v != nil {
			b.fail(u.index, v.Rule, v.Detail)
		} else if !b.values[how].Is(value) {
			b.fail(u.index, oracle.RuleSealed, fmt.Sprintf("%v opened %d bytes that only begin like %q", a, len(value), how))
		}
	}
	b.judgeRights(u, a, &op, how)
	b.unanswered = b.unanswered || how == script.WantUnanswered || how == script.WantLost || a.Verb == script.Lock && op.Outcome == oracle.Unknown
	if a.Verb.IsLocking() {
		op.Outcome = oracle.Void // to all other oracles it is nothing
	}
	if known != nil {
		if v := u.accepted(known, a.Key, op.Seen); v != nil {
			b.fail(u.index, v.Rule, v.Detail)
		}
		u.memory.End(known, &op)
	}
	if op.Verb == script.Add && op.Outcome == oracle.Done && (b.stepped || b.outlived) {
		op.Verb = script.Set // what has expired by its seal, whose clock may have been behind, it replaces
	}
	if op.Outcome == oracle.Done && op.Got != 0 && step > u.versions[a.Key].step {
		u.versions[a.Key] = version{op.Got, step}
	}
	if !a.Allows(how, b.free != nil) {
		b.fail(u.index, RuleExpect, fmt.Sprintf("%v, and it came to %q", a, how))
	}
	b.done = append(b.done, ended{step: step, ops: op.Attempted(b.faults), how: how})
	return how
}

// readsValue reports whether v ends with a value.
func readsValue(v script.Verb) bool {
	return v == script.Get || v == script.GetV || v == script.GetDel
}

// errNoListener is the dial error when no server listens at the address.
var errNoListener = errors.New("no server listens")

// classify says what an error of the client claims about the operation, and what
// a script calls that.
func classify(a *script.Action, err error) (oracle.Outcome, string) {
	v := a.Verb
	if v.IsLocking() {
		return classifyLock(a, err)
	}
	uncertain := oracle.Void
	if errors.Is(err, cryptomem.ErrMaybeApplied) {
		uncertain = oracle.Unknown
	}
	var server *cryptomem.ServerError
	switch {
	case err == nil:
		return oracle.Done, script.WantOK
	case errors.Is(err, context.Canceled):
		return uncertain, script.WantUnanswered
	case uncertain == oracle.Unknown:
		return oracle.Unknown, script.WantLost
	case errors.Is(err, cryptomem.ErrExpired):
		return oracle.Unknown, script.WantExpired
	case errors.Is(err, sealing.ErrStale):
		return oracle.Unknown, script.WantStale
	case errors.Is(err, cryptomem.ErrNotAuthentic):
		return oracle.Unknown, script.WantForged
	case errors.Is(err, cryptomem.ErrNotFound) && v == script.Touch:
		return oracle.Void, script.WantMiss // or expired, for this client; it does not say
	case errors.Is(err, cryptomem.ErrNotFound):
		return oracle.Miss, script.WantMiss
	case errors.Is(err, cryptomem.ErrDenied):
		return oracle.Void, script.WantDenied
	case errors.Is(err, cryptomem.ErrBusy):
		return oracle.Void, script.WantBusy
	case errors.Is(err, cryptomem.ErrExists), errors.Is(err, cryptomem.ErrChanged) && v == script.CAS:
		return oracle.Exists, script.WantExists
	case errors.As(err, &server), errors.Is(err, cryptomem.ErrTooLarge), a.TTL < 0:
		return oracle.Void, script.WantError
	case (readsOnly(v) || v == script.Touch) && !errors.Is(err, errNoListener):
		return oracle.Void, script.WantLost // a client does not say whether it was sent: it is all the same
	}
	return oracle.Void, script.WantUnsent
}
