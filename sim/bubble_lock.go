package sim

import (
	"context"
	"errors"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// A held is a lock of the product that a user has taken, or had.
type held struct {
	*cryptomem.Lock
	claim oracle.Claim
}

// errNoLock is the error of a user that has never had the lock.
var errNoLock = cryptomem.ErrNotHeld

// lock makes a call about a lock, and reports to the oracle how it ended.
func (u *user) lock(ctx context.Context, a *script.Action, began int64) error {
	b := u.b
	b.mu.Lock()
	had := u.locks[a.Key]
	if a.Verb == script.Lock {
		b.holders++
		had = &held{claim: oracle.Claim{Name: a.Key, Holder: b.holders, TTL: a.TTL}}
	}
	b.mu.Unlock()
	if had == nil {
		return errNoLock
	}
	claim, err := askLock(ctx, u.client, a, had)
	claim.Call, claim.Return = began, b.moment()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.claimed(&claim)
	if err == nil && a.Verb != script.Unlock {
		had.claim = claim
		u.locks[a.Key] = had
	}
	return err
}

// claimed reports an attempt to the oracle. It requires b.mu.
func (b *bubble) claimed(c *oracle.Claim) {
	if c.Outcome == oracle.Unknown {
		c.Return = oracle.Never
	}
	b.locks.Claimed(*c)
}

// askLock makes a call about a lock.
func askLock(ctx context.Context, client *cryptomem.Client, a *script.Action, had *held) (claim oracle.Claim, err error) {
	claim = had.claim
	claim.Verb = a.Verb
	var terms []cryptomem.StoreOption
	if a.TTL > 0 {
		claim.TTL = a.TTL
		terms = append(terms, cryptomem.TTL(a.TTL))
	}
	switch a.Verb {
	case script.Lock:
		had.Lock, err = client.TryLock(ctx, a.Key, terms...)
	case script.Extend:
		err = had.Extend(ctx, terms...)
	default:
		err = had.Unlock(ctx)
	}
	if claim.Outcome, _ = classifyLock(a, err); err == nil {
		claim.Fence = had.Fence()
	}
	return claim, err
}

// classifyLock says what an error of a lock claims, and what a script calls that.
func classifyLock(a *script.Action, err error) (oracle.Outcome, string) {
	failed := oracle.Void
	if a.Verb == script.Lock || errors.Is(err, cryptomem.ErrMaybeApplied) {
		failed = oracle.Unknown // its mark may be there
	}
	var server *cryptomem.ServerError
	switch {
	case err == nil:
		return oracle.Done, script.WantOK
	case errors.Is(err, cryptomem.ErrLocked):
		return oracle.Exists, script.WantLocked
	case errors.Is(err, cryptomem.ErrNotHeld) && a.Verb == script.Lock:
		return oracle.Unknown, script.WantNotHeld // it is being given back
	case errors.Is(err, cryptomem.ErrNotHeld):
		return oracle.Exists, script.WantNotHeld
	case errors.Is(err, context.Canceled):
		return failed, script.WantUnanswered
	case errors.Is(err, cryptomem.ErrDenied):
		return failed, script.WantDenied
	case errors.Is(err, cryptomem.ErrBusy):
		return failed, script.WantBusy
	case errors.As(err, &server), errors.Is(err, cryptomem.ErrTooLarge):
		return failed, script.WantError
	case errors.Is(err, errNoListener), failed == oracle.Void:
		return failed, script.WantUnsent
	}
	return failed, script.WantLost
}

// judgeLocks asks the oracle about all attempts, in a history that says when the server
// has lost what it had.
func judgeLocks(locks *oracle.Locks, s *script.Script, history []oracle.Op) *oracle.Violation {
	locks.Loose = s.Config.Evict && s.Config.MaxMemory < roomy
	for i := range s.Actions {
		locks.Loose = locks.Loose || s.Actions[i].Verb == script.Clock
	}
	for i := range history {
		switch o := &history[i]; {
		case o.Verb != script.Flush || o.Outcome == oracle.Void:
		case o.Client == 0:
			locks.Restarted(o.Call, o.Return)
		default:
			locks.Flushed(o.Key, o.Call, o.Return)
		}
	}
	return locks.Judge()
}
