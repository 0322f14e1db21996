package oracle

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// A Claim is one attempt to take, extend or give back a lock, as its client saw it.
// Times are nanoseconds of the server's clock.
type Claim struct {
	Verb script.Verb
	Name string
	// Holder is the holder that the lock names: each attempt to take it is a new one.
	Holder int
	TTL    time.Duration
	Call   int64
	// Never, unless it has succeeded or was refused.
	Return int64
	// Done, Exists if the lock was another's or no longer held, Void or Unknown.
	Outcome Outcome
	// Fence of a lock that was taken or extended.
	Fence uint64
}

// String returns the claim on one line.
func (c *Claim) String() string {
	o := Op{Client: c.Holder, Verb: c.Verb, Key: c.Name, TTL: c.TTL, Call: c.Call, Return: c.Return, Outcome: c.Outcome}
	return fmt.Sprintf("holder %s fence %d", strings.TrimPrefix(o.String(), "c"), c.Fence)
}

// Locks judge what clients learn about locks:
//
//   - Fences of a name grow, from each success to every later one.
//   - A client takes or extends a lock only if no earlier holder still has it: that
//     one's time is over, or it has given the lock back.
//   - A holder whose time is over, or whose lock another has taken, extends nothing.
//   - A lock is refused only if another client may hold it, and a holder is not told
//     that it is none.
//
// They see what clients see. So they miss two holders at once where the time of the
// first may have been over, by as long as a request takes; whatever happens to an
// attempt of unknown outcome; and everything while the server loses items. A holder's
// time begins with its call: what a slow network takes from it is not judged.
type Locks struct {
	// Loose is that a holder may lose its lock to another: items are evicted, or clocks
	// are stepped.
	Loose bool
	// Returning is that the server may have again what it had lost.
	Returning bool

	claims []Claim
	losses []loss
}

// A loss is a time in which the server may have lost the items whose names begin so.
type loss struct {
	prefix   string
	from, to int64
	// Fences start over.
	anew bool
}

// Claimed enters an attempt.
func (l *Locks) Claimed(c Claim) { l.claims = append(l.claims, c) }

// Flushed notes that locks whose names begin so have gone.
func (l *Locks) Flushed(prefix string, from, to int64) {
	l.losses = append(l.losses, loss{prefix, from, to, false})
}

// Restarted notes that all locks are gone, and that fences start over.
func (l *Locks) Restarted(from, to int64) {
	l.losses = append(l.losses, loss{"", from, to, true})
}

// Judge returns the first promise that was broken.
func (l *Locks) Judge() *Violation {
	byName := map[string][]*Claim{}
	var names []string
	for i := range l.claims {
		c := &l.claims[i]
		if c.Outcome == Void {
			continue
		}
		if byName[c.Name] == nil {
			names = append(names, c.Name)
		}
		byName[c.Name] = append(byName[c.Name], c)
	}
	for _, name := range names {
		all := byName[name]
		if v := l.order(all); v != nil {
			return v
		}
		for _, c := range all {
			if v := l.refused(c, all); v != nil {
				return v
			}
		}
	}
	return nil
}

// order judges those who had the lock, one after the other, between any two starts of
// the server.
func (l *Locks) order(all []*Claim) *Violation {
	eras := map[int][]*Claim{}
	for _, c := range all {
		if era, ok := l.era(c); ok && c.grants() {
			eras[era] = append(eras[era], c)
		}
	}
	for era := range len(l.losses) + 1 {
		had := eras[era]
		slices.SortStableFunc(had, func(a, b *Claim) int { return cmp.Compare(a.Fence, b.Fence) })
		for i, began := 1, 0; i < len(had); i++ {
			if had[i-1].Call > had[began].Call {
				began = i - 1
			}
			if before := had[began]; had[i].Fence == had[i-1].Fence || had[i].Return < before.Call {
				return violation(RuleLock, "fences do not grow:\n%v\n%v", had[i], before)
			}
			if v := l.follows(had[:i], had[i], all); v != nil {
				return v
			}
		}
	}
	return nil
}

// era tells between which starts of the server a claim was made, if that is certain.
func (l *Locks) era(c *Claim) (era int, ok bool) {
	for _, x := range l.losses {
		switch {
		case !x.anew:
		case c.Call > x.to:
			era++
		case c.Return >= x.from:
			return 0, false
		}
	}
	return era, true
}

// grants reports whether a client was told that it has the lock.
func (c *Claim) grants() bool { return c.Outcome == Done && c.Verb != script.Unlock }

// follows judges a claim by those that had the lock before it, in order.
func (l *Locks) follows(before []*Claim, c *Claim, all []*Claim) *Violation {
	last := before[len(before)-1]
	own := last.Holder == c.Holder
	switch {
	case !own && c.Verb == script.Extend && slices.ContainsFunc(before, func(b *Claim) bool { return b.Holder == c.Holder }):
		return violation(RuleLock, "extended, and another has had it since:\n%v\n%v", c, last)
	case own && c.Call >= last.ends() && !slices.ContainsFunc(all, func(o *Claim) bool { return o.Holder == c.Holder && o.Outcome == Unknown }):
		return violation(RuleLock, "extended after its time:\n%v\n%v", c, last)
	case !own && c.Verb == script.Lock && !l.Loose && c.Return < last.Call+int64(last.TTL) && !l.givenUp(last, c.Return, all):
		return violation(RuleLock, "two holders at once:\n%v\n%v", last, c)
	}
	return nil
}

// ends is when a holder's time is certainly over.
func (c *Claim) ends() int64 {
	if c.Return > math.MaxInt64-int64(c.TTL) {
		return Never
	}
	return c.Return + int64(c.TTL)
}

// fleeting reports whether a claim's own mark may have come and gone before its holder
// was told, which then finds the lock taken, and may have kept others from it meanwhile.
func (c *Claim) fleeting() bool { return c.Verb == script.Lock && int64(c.TTL) <= c.Return-c.Call }

// givenUp reports whether a holder may have no lock any more, at a time at which his
// own is not over: he has given it back or may have changed it, or it was lost.
func (l *Locks) givenUp(had *Claim, at int64, all []*Claim) bool {
	for _, x := range l.losses {
		if strings.HasPrefix(had.Name, x.prefix) && x.from <= at && x.to >= had.Call {
			return true
		}
	}
	return slices.ContainsFunc(all, func(o *Claim) bool {
		return o != had && o.Holder == had.Holder && o.Call <= at && (o.Return >= had.Return || o.Outcome == Unknown) &&
			o.Outcome != Exists
	})
}

// refused judges a claim that came to nothing.
func (l *Locks) refused(c *Claim, all []*Claim) *Violation {
	switch {
	case c.Outcome != Exists:
	case c.Verb == script.Lock:
		if !c.fleeting() && !l.Returning && !slices.ContainsFunc(all, func(o *Claim) bool { return o != c && mayHave(o, c, all) }) {
			return violation(RuleLock, "a lock that no client holds was refused:\n%v", c)
		}
	case l.Loose:
	default:
		for _, had := range all {
			if had.grants() && had.Holder == c.Holder && had.Return <= c.Call && c.Return < had.Call+int64(had.TTL) && !l.givenUp(had, c.Return, all) {
				return violation(RuleLock, "a holder was told that he has no lock:\n%v\n%v", c, had)
			}
		}
	}
	return nil
}

// mayHave reports whether a claim may be why the lock was refused to c.
func mayHave(o, c *Claim, all []*Claim) bool {
	if o.Verb == script.Unlock || o.Outcome == Exists && !o.fleeting() || o.Call > c.Return {
		return false
	}
	until := int64(Never)
	if o.Outcome != Unknown {
		until = o.ends()
	}
	for _, u := range all {
		if u.Verb == script.Unlock && u.Holder == o.Holder && u.Outcome == Done && u.Call >= o.Return {
			until = min(until, u.Return)
		}
	}
	return until >= c.Call
}
