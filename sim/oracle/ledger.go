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
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger { return &Ledger{entries: map[string]entry{}} }

// Sealed enters a value. The zero expiry means none.
func (l *Ledger) Sealed(label, key string, expiry time.Time) {
	e, ok := l.entries[label]
	if !ok || e.key != key {
		l.entries[label] = entry{key, expiry, expiry}
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
