package script

import (
	"slices"
	"time"
)

// Minimize returns the smallest script it finds for which fails is still true. fails(s)
// must be true. It takes actions out by halves, quarters and so on down to one by one
// (ddmin: Zeller and Hildebrandt, TSE 2002), then makes the world plainer and the
// actions that are left simpler, until nothing more can go. It calls fails at most
// limit times.
//
// The caller decides what failing means. To keep a failure from turning into another
// one, fails should require the same broken rule.
func Minimize(s *Script, limit int, fails func(*Script) bool) *Script {
	m := minimizer{best: s.Clone(), left: limit, fails: fails}
	for changed := true; changed && m.left > 0; {
		changed = m.remove()
		changed = m.plainWorld() || changed
		changed = m.plainActions() || changed
	}
	return m.best
}

type minimizer struct {
	best *Script
	// Calls of fails that are still allowed.
	left  int
	fails func(*Script) bool
}

// try keeps the candidate if it still fails.
func (m *minimizer) try(candidate *Script) bool {
	if m.left == 0 {
		return false
	}
	m.left--
	if !m.fails(candidate) {
		return false
	}
	m.best = candidate
	return true
}

// remove takes out runs of actions, long ones first.
func (m *minimizer) remove() (changed bool) {
	for chunk := len(m.best.Actions); chunk > 0; chunk /= 2 {
		for from := 0; from < len(m.best.Actions); {
			c := *m.best
			to := min(from+chunk, len(c.Actions))
			c.Actions = append(append([]Action(nil), c.Actions[:from]...), c.Actions[to:]...)
			if m.try(&c) {
				changed = true
			} else {
				from = to
			}
		}
	}
	return changed
}

// plainWorld sets one thing of the world after the other to its default.
func (m *minimizer) plainWorld() (changed bool) {
	standard := DefaultConfig()
	for _, set := range settings {
		plain := set.print(&standard)
		if set.name == "clients" || set.print(&m.best.Config) == plain {
			continue
		}
		if set.name == "servers" && slices.ContainsFunc(m.best.Actions, func(a Action) bool { return a.Actor.Kind == Server && a.Actor.Index > 1 }) {
			continue // something befalls another one
		}
		c := m.best.Clone()
		if set.parse(&c.Config, plain) == nil && m.try(c) {
			changed = true
		}
	}
	last := 1
	for _, a := range m.best.Actions {
		if a.Actor.Kind == Client {
			last = max(last, a.Actor.Index)
		}
	}
	if last < m.best.Config.Clients {
		c := m.best.Clone()
		c.Config.Clients = last
		changed = m.try(c) || changed
	}
	return changed
}

// plainActions makes one action after the other simpler: the first client, a
// small value, no aim, and a round time.
func (m *minimizer) plainActions() (changed bool) {
	simpler := []func(*Action){
		func(a *Action) { a.Value.Size = 0 },
		func(a *Action) { a.Aim = Aim{} },
		func(a *Action) { a.Actor.Index = min(a.Actor.Index, 1) },
		func(a *Action) { a.Lease = 0 },
		func(a *Action) { a.TTL = 0 },
		func(a *Action) { a.TTL = a.TTL.Truncate(time.Millisecond) },
	}
	for i := range m.best.Actions {
		for _, simplify := range simpler {
			c := m.best.Clone()
			a := &c.Actions[i]
			before := a.String()
			simplify(a)
			if verbs[a.Verb].needTTL && a.TTL == 0 || a.String() == before {
				continue
			}
			changed = m.try(c) || changed
		}
	}
	return changed
}
