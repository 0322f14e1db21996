package oracle

import (
	"slices"
	"time"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// A LoadCall is a call that gets a value, and loads it if it is not there, as its client
// saw it. Its Label is that of the value which its loader makes, or of the error; Seen is
// the label of what it came to.
type LoadCall struct {
	Client      int
	Name, Label string
	TTL, Stale  time.Duration
	// Return is Never if it came to nothing.
	Call, Return int64
	Seen         string
	Failed       bool
}

// A Loading is one run of a call's loader.
type Loading struct {
	Client      int
	Name, Label string
	// To is Never if it was given up.
	From, To int64
	Failed   bool
}

// Loads judge values that are loaded:
//
//   - A value is served after its loader has returned it, and a loader's error only to
//     the calls that waited for it: a failure is not kept.
//   - A call that begins after the name was set or deleted is not served what was being
//     loaded then.
//
// And where the world is quiet, for names that are only loaded and read:
//
//   - One loader runs at a time.
//   - What was loaded is served, without another load, until its time is over; then it
//     is loaded again, and served no longer than its stale time.
//
// They see when loaders run and what clients see, but no leases. A client that may have
// waited for two loads, one after the other, may load beside the second. A client need
// not load again what it waited for and was stale at once, nor what it got just before
// it was gone. They miss what lasts shorter than slack, and the values of loads in the
// background, which no call returns.
type Loads struct {
	// Quiet is that nothing goes wrong.
	Quiet bool
	// End of the script.
	End int64
	// Torn is that leases may have come and gone unseen, or a history is one of several.
	// Then names that are loaded are left out of it.
	Torn bool

	calls    []LoadCall
	loadings []*Loading
}

// slack is what clocks, sealed times and requests may take from a time.
const slack = int64(5 * time.Millisecond)

// soon is how long it takes at most to begin a load in the background.
const soon = int64(20 * time.Millisecond)

// Called enters a call that has ended.
func (l *Loads) Called(c LoadCall) { l.calls = append(l.calls, c) }

// Began enters a loader that begins. The caller says in it when it has ended.
func (l *Loads) Began(r *Loading) { l.loadings = append(l.loadings, r) }

// loaded is all that is known of the names that are loaded.
type loaded struct {
	*Loads
	calls   map[string]*LoadCall // by their own labels
	runs    map[string]*Loading  // likewise
	byName  map[string][]*Loading
	changes map[string][]*Op // by name
}

func (l *Loads) sorted(history []Op) *loaded {
	s := &loaded{l, map[string]*LoadCall{}, map[string]*Loading{}, map[string][]*Loading{}, map[string][]*Op{}}
	for i := range l.calls {
		s.calls[l.calls[i].Label] = &l.calls[i]
	}
	slices.SortStableFunc(l.loadings, func(a, b *Loading) int { return int(min(max(a.From-b.From, -1), 1)) })
	for _, r := range l.loadings {
		s.runs[r.Label] = r
		s.byName[r.Name] = append(s.byName[r.Name], r)
	}
	for i := range history {
		if o := &history[i]; (o.Verb == script.Set || o.Verb == script.Delete) && o.Outcome != Void {
			s.changes[o.Key] = append(s.changes[o.Key], o)
		}
	}
	return s
}

// Judge returns the first promise that was broken, in a history of the other calls.
func (l *Loads) Judge(history []Op) *Violation {
	if len(l.calls) == 0 {
		return nil
	}
	s := l.sorted(history)
	for i := range l.calls {
		if v := s.served(&l.calls[i]); v != nil {
			return v
		}
	}
	for i := range history {
		if o := &history[i]; o.Verb == script.Get && o.Outcome == Done {
			if v := s.read(o.Seen, o.Call, o.Return, o); v != nil {
				return v
			}
		}
	}
	for _, y := range l.loadings {
		if v := s.ran(y); v != nil {
			return v
		}
	}
	return nil
}

// served judges what a call came to.
func (s *loaded) served(c *LoadCall) *Violation {
	x := s.runs[c.Seen]
	switch {
	case c.Return == Never:
		return nil
	case c.Failed:
		if x == nil || !x.Failed || x.Client != c.Client || x.To > c.Return || x.To < c.Call {
			return violation(RuleLoad, "an error that is none of a loader that it waited for: %+v, %+v", c, x)
		}
		return nil
	case x == nil:
		if c.Seen == c.Label {
			return violation(RuleLoad, "a value that was not loaded: %+v", c)
		}
		return nil // of a write, which others judge
	}
	if s.Quiet || x.Client != c.Client {
		if v := s.read(c.Seen, c.Call, c.Return, c); v != nil {
			return v
		}
	}
	of := s.calls[c.Seen]
	if !s.Quiet || of == nil || of.TTL == 0 || of == c || s.inBackground(x) || x.To >= c.Call {
		return nil
	}
	over := of.Return + int64(of.TTL+of.Stale) + slack
	if c.Call >= over {
		return violation(RuleLoad, "a value past its stale time: %+v, %+v", c, of)
	}
	again := func(y *Loading) bool {
		return y != x && (y.To == Never || y.To+slack >= c.Call) && y.From <= c.Return+soon
	}
	there := c.Return+soon < x.To+int64(of.TTL+of.Stale) // for as long as it takes to look again
	if there && s.pure(c.Name) && c.Call >= max(of.Return, over-int64(c.Stale)) && c.Return < s.End-soon && !s.accompanied(c) && !slices.ContainsFunc(s.byName[c.Name], again) {
		return violation(RuleLoad, "a stale value is not loaded again: %+v, %+v", c, of)
	}
	return nil
}

// accompanied reports whether a client has another call for the name under way. Then it
// may be waiting for a lease and begins no load in the background.
func (s *loaded) accompanied(c *LoadCall) bool {
	return slices.ContainsFunc(s.Loads.calls, func(o LoadCall) bool {
		return o.Label != c.Label && o.Client == c.Client && o.Name == c.Name && o.Call <= c.Return && o.Return >= c.Call
	})
}

// read judges that a value was read, from the store if not from its loader.
func (s *loaded) read(label string, call, end int64, by any) *Violation {
	x := s.runs[label]
	if x == nil {
		return nil
	}
	if x.Failed || x.To > end {
		return violation(RuleLoad, "a value before it was loaded: %+v, %+v", by, x)
	}
	for _, o := range s.changes[x.Name] {
		if o.Outcome == Done && o.Call > x.From && o.Return < x.To && call > o.Return {
			return violation(RuleLoad, "a value that was being loaded when its name changed: %+v, %+v, %v", by, x, o)
		}
	}
	return nil
}

// ran judges that a loader ran at all.
func (s *loaded) ran(y *Loading) *Violation {
	c := s.calls[y.Label]
	if !s.Quiet || c == nil || !s.pure(y.Name) {
		return nil
	}
	var last *Loading
	for _, x := range s.byName[y.Name] {
		if x == y {
			break
		}
		last = x
		if x.To > y.From && s.inBackground(x) == s.inBackground(y) && (s.inBackground(y) || !s.waitedTwice(c, x, y) && !s.waitedTwice(s.calls[x.Label], y, x)) {
			return violation(RuleLoad, "two loaders at a time: %+v, %+v", x, y)
		}
	}
	if last == nil || !s.certain(last) {
		return nil
	}
	of := s.calls[last.Label]
	if of.Return < c.Call && (of.TTL == 0 || y.From < last.To+int64(of.TTL+of.Stale-c.Stale)-slack) {
		return violation(RuleLoad, "loaded again although it is there: %+v, %+v", y, of)
	}
	return nil
}

// inBackground reports whether the call of a loader was over before.
func (s *loaded) inBackground(x *Loading) bool {
	c := s.calls[x.Label]
	return c != nil && c.Return <= x.From && c.Seen != x.Label
}

// waitedTwice reports whether a call may have waited for another load than x before its
// loader y began.
func (s *loaded) waitedTwice(c *LoadCall, x, y *Loading) bool {
	return c == nil || slices.ContainsFunc(s.byName[y.Name], func(w *Loading) bool {
		return w != x && w != y && w.From < y.From && (w.To == Never || w.To+slack >= c.Call)
	})
}

// pure reports whether a name is only loaded and read, and no loader of it fails.
func (s *loaded) pure(name string) bool {
	return len(s.changes[name]) == 0 && !slices.ContainsFunc(s.byName[name], func(x *Loading) bool { return x.Failed })
}

// certain reports whether what a loader made is in the store when its call returns.
func (s *loaded) certain(x *Loading) bool {
	c := s.calls[x.Label]
	if !s.Quiet || c == nil || c.Return == Never || c.Seen != x.Label || s.inBackground(x) || !s.pure(x.Name) {
		return false
	}
	return !slices.ContainsFunc(s.byName[x.Name], func(o *Loading) bool {
		return o != x && o.From <= c.Return && (o.To == Never || o.To+slack >= c.Call)
	})
}

// History returns a history with what loads have read and stored in it.
func (l *Loads) History(history []Op) []Op {
	if len(l.calls) == 0 {
		return history
	}
	if l.Torn {
		return slices.DeleteFunc(slices.Clone(history), func(o Op) bool {
			return slices.ContainsFunc(l.calls, func(c LoadCall) bool { return c.Name == o.Key })
		})
	}
	s := l.sorted(history)
	all := slices.Clone(history)
	names := map[string]bool{}
	for i := range l.calls {
		c := &l.calls[i]
		names[c.Name] = true
		x := s.runs[c.Seen]
		shared := x != nil && x.Client == c.Client && x.To >= c.Call
		if c.Return != Never && !c.Failed && c.Seen != c.Label && !shared {
			all = append(all, Op{Client: c.Client, Verb: script.Get, Key: c.Name, Call: c.Call, Return: c.Return, Outcome: Done, Seen: c.Seen})
		}
	}
	for _, x := range l.loadings {
		c := s.calls[x.Label]
		if x.To == Never || x.Failed || c == nil {
			continue
		}
		o := Op{Client: x.Client, Verb: script.Set, Key: x.Name, Label: x.Label, Call: x.From, Return: Never}
		if c.TTL > 0 {
			o.TTL = c.TTL + c.Stale
		}
		if s.certain(x) {
			o.Outcome, o.Return = Done, c.Return
		}
		all = append(all, o)
	}
	for i := range all {
		if o := &all[i]; names[o.Key] && o.Verb == script.Delete && o.Outcome == Done {
			o.Outcome, o.Return = Unknown, Never // what was there may have been a lease
		}
	}
	return all
}
