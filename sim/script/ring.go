package script

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// How long an outage has to last, or not to, for a ring's promises to hold.
const (
	ringPause   = 40 * time.Millisecond
	ringStandIn = 200 * time.Millisecond
)

const ringKeys = 5

// GenerateRing draws a script of several servers with stand-ins, in which servers go
// and come back: for all clients at once, and either clearly shorter than the pause or
// clearly longer, as docs/ring.md presumes.
func GenerateRing(seed uint64) *Script {
	d := NewDice(seed ^ 0x41e6)
	s := &Script{Seed: seed, Config: DefaultConfig()}
	c := &s.Config
	c.Servers, c.Clients, c.Pause, c.StandIn = d.Between(2, 4), d.Between(1, 4), ringPause, ringStandIn
	c.Delay = Range{50 * time.Microsecond, 2 * time.Millisecond}
	if d.Chance(30) {
		c.Connections = d.Between(2, 3)
	}
	calls := []Verb{Set, Set, Get, Get, Get, Add, Replace, GetV, CAS, Delete, GetDel, Touch}
	quiet := make([]time.Duration, c.Servers) // until when a server has no other outage
	at := time.Duration(0)
	for i := range []int{100, 400}[d.Below(2)] {
		at += time.Duration(1+d.Below(6_000)) * time.Microsecond
		server := d.Below(c.Servers)
		if d.Below(12) == 0 && at > quiet[server] {
			lasts := time.Duration(d.Between(1, 20)) * time.Millisecond
			if d.Chance(67) {
				lasts = 2*ringPause + time.Duration(d.Below(300))*time.Millisecond
			}
			quiet[server] = at + lasts + 4*ringPause
			actor := Actor{Kind: Server, Index: server + 1}
			if server == 0 {
				actor.Index = 0
			}
			verb := []Verb{Unplug, Unplug, Freeze, Restart}[d.Below(4)]
			s.Actions = append(s.Actions, Action{At: at, Actor: actor, Verb: verb, TTL: lasts})
			if lasts >= 2*ringPause {
				s.aroundOutage(d, i, at, lasts)
			}
			continue
		}
		a := Action{At: at, Actor: Actor{Index: d.Between(1, c.Clients)}, Verb: calls[d.Below(len(calls))], Key: fmt.Sprint("k", d.Below(ringKeys))}
		if verbs[a.Verb].ttl {
			a.TTL = []time.Duration{0, time.Hour, 100 * time.Millisecond}[d.Below(3)]
		}
		if a.Verb.IsWrite() {
			a.Value.Label = fmt.Sprint("v", i)
		}
		s.Actions = append(s.Actions, a)
	}
	slices.SortStableFunc(s.Actions, func(a, b Action) int { return cmp.Compare(a.At, b.At) })
	return s
}

// aroundOutage adds what makes an outage matter: names are written shortly before it, then
// changed while stand-ins have them, and read when the server is believed again.
func (s *Script) aroundOutage(d *Dice, outage int, at, lasts time.Duration) {
	add := func(verb Verb, key int, label string, from, to time.Duration) {
		// no two at the same time
		when := max(from+time.Duration(d.Below(int(to-from)))/time.Microsecond*time.Microsecond, 0) + time.Duration(key+1)
		a := Action{At: when, Actor: Actor{Index: d.Between(1, s.Config.Clients)}, Verb: verb, Key: fmt.Sprint("k", key)}
		if verb.IsWrite() {
			a.Value.Label = label
		}
		s.Actions = append(s.Actions, a)
	}
	for key := range ringKeys {
		if d.Chance(30) {
			continue
		}
		label := fmt.Sprintf("o%dk%d", outage, key)
		add(Set, key, label+"a", at-10*time.Millisecond, at)
		add([]Verb{Set, Set, Delete, Get}[d.Below(4)], key, label+"b", at+ringPause, at+lasts)
		back := at + lasts + ringPause
		add(Get, key, "", back, back+2*ringPause)
	}
}
