package oracle

import (
	"iter"
	"time"
)

// A Ledger holds what holders of the key have sealed. It cannot see that a value is
// older than another one that was read, nor a miss where there is a value. Not safe
// for concurrent use.
type Ledger struct{ entries map[string]entry }

type entry struct {
	key string
	// When it expires; zero: never. A value that is touched is sealed again, and
	// then both expiries are good.
	earliest, latest time.Time

	writes   int       // how often it was sealed, as far as is known
	from, to time.Time // between which its writer's clock showed its sealing time; zero: not known
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger { return &Ledger{entries: map[string]entry{}} }

// Sealed enters a value. The zero expiry means none.
func (l *Ledger) Sealed(label, key string, expiry time.Time) {
	e, ok := l.entries[label]
	if !ok || e.key != key {
		l.entries[label] = entry{key: key, earliest: expiry, latest: expiry}
		return
	}
	if e.earliest.IsZero() || !expiry.IsZero() && expiry.Before(e.earliest) {
		e.earliest = expiry
	}
	if expiry.IsZero() || !e.latest.IsZero() && expiry.After(e.latest) {
		e.latest = expiry
	}
	l.entries[label] = e
}

// Expiries yields when values end: to the nanosecond as they were sealed the first
// time, and the last time in whole milliseconds, as an envelope can say it.
func (l *Ledger) Expiries() iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		for _, e := range l.entries {
			if !e.earliest.IsZero() && !yield(e.earliest) || !e.latest.IsZero() && !yield(roundUp(e.latest)) {
				return
			}
		}
	}
}

// Writing notes that a call begins which seals the value, when its writer's clock
// shows now; once more for a call that may seal it twice. A touch is none: it keeps
// the sealing time.
func (l *Ledger) Writing(label string, now time.Time) {
	e := l.entries[label]
	e.writes++
	e.from, e.to = now, time.Time{}
	l.entries[label] = e
}

// Written notes that this call is over, and seals no more.
func (l *Ledger) Written(label string, now time.Time) {
	e := l.entries[label]
	e.to = now
	l.entries[label] = e
}

// once reports whether a value was sealed once, so that its label tells envelopes
// apart.
func (l *Ledger) once(label string) bool { return l.entries[label].writes == 1 }

func (l *Ledger) sealedBetween(label string) (from, to time.Time, ok bool) {
	e := l.entries[label]
	return e.from, e.to, e.writes == 1
}

// Accepted checks a value that a client took for the one under key, when its
// clock showed now and it allowed for that skew.
func (l *Ledger) Accepted(label, key string, now time.Time, skew time.Duration) *Violation {
	e, ok := l.entries[label]
	switch {
	case !ok:
		return violation(RuleSealed, "%q was accepted as %q's value, and no holder of the key wrote it", label, key)
	case e.key != key:
		return violation(RuleSealed, "%q was accepted as %q's value, it was written as %q's", label, key, e.key)
	case !e.latest.IsZero() && !now.Before(roundUp(e.latest).Add(skew)):
		return violation(RuleSealed, "%q was accepted %v past its sealed expiry, the skew allowed is %v", label, now.Sub(e.latest), skew)
	}
	return nil
}

// Ahead checks that a client's clock, which showed now when it accepted a value,
// is not behind that of the value's writer by more than bound.
func (l *Ledger) Ahead(label string, now time.Time, bound time.Duration) *Violation {
	if from, _, ok := l.sealedBetween(label); ok && from.Add(-bound-time.Millisecond).After(now) {
		return violation(RuleSealed, "%q was accepted %v before it was sealed, clocks may differ by %v", label, from.Sub(now), bound)
	}
	return nil
}

// Expired checks that a client was right to refuse a value as too old: some
// value of the key must be.
func (l *Ledger) Expired(key string, now time.Time, skew time.Duration) *Violation {
	for _, e := range l.entries {
		if e.key == key && !e.earliest.IsZero() && !now.Before(e.earliest.Add(skew)) {
			return nil
		}
	}
	return violation(RuleSealed, "a value of %q was refused as expired, and none of its values is", key)
}

// roundUp is the next whole millisecond, which is what an envelope can say.
func roundUp(t time.Time) time.Time {
	if r := t.Truncate(time.Millisecond); !r.Equal(t) {
		return r.Add(time.Millisecond)
	}
	return t
}
