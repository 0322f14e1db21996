package script

import (
	"fmt"
	"time"
)

// aspects gives some worlds what most have not: identities, bounds on what one peer
// can take. It has dice of its own, so that a seed without any is the script
// that it was before there were such worlds.
func (g *generator) aspects() {
	d := NewDice(g.script.Seed ^ 0xa59ec7)
	if c := &g.script.Config; c.Clients > 64 || c.Hostile {
		return
	}
	if d.Chance(14) {
		g.identities(d)
	}
	g.admission(NewDice(g.script.Seed ^ 0xad317))
	g.script.Config.Unix = NewDice(g.script.Seed ^ 0x0a1c).Chance(15)
	if d.Chance(5) {
		g.peers(d)
	}
	if d.Chance(15) { // calls that are sent together
		g.calls = append(g.calls, weighted{Batch, 6}, weighted{Get, 10}, weighted{Set, 6}, weighted{Delete, 3})
	}
	if d.Chance(12) && g.script.Config.InFlight == 0 {
		g.disk(d)
	}
	if d.Chance(8) {
		g.script.Config.Connections = d.Between(2, 4)
	}
	if d.Chance(8) { // keys that change, and go
		g.calls = append(g.calls, weighted{Rotate, 2}, weighted{Retire, 1})
	}
	if d.Chance(8) && !g.script.Config.Refuses() {
		g.loaders(d)
	}
	if d.Chance(8) { // locks that clients want from each other
		g.locks = d.Between(1, 3)
		g.calls = append(g.calls, weighted{Lock, 12}, weighted{Extend, 5}, weighted{Unlock, 6})
	}
}

// Refuses reports whether servers refuse requests because of the client's identity or a
// limit.
func (c *Config) Refuses() bool { return c.Identities > 0 || c.InFlight > 0 || c.MaxConnections > 0 }

// identities has servers ask who their clients are, and changes what they may.
func (g *generator) identities(d *Dice) {
	c := &g.script.Config
	c.Identities = d.Between(1, 4)
	c.Blind = false // so that names have beginnings
	if d.Chance(30) {
		c.Each = d.Between(1, 2)
	}
	befall := []weighted{{Grant, 8}, {GrantRead, 4}, {Revoke, 5}}
	if d.Chance(50) {
		befall = append(befall, weighted{WrongToken, 6}, weighted{LogIn, 3})
	}
	if d.Chance(50) {
		c.Evict, c.MaxMemory = false, DefaultConfig().MaxMemory
		befall = append(befall, weighted{Quota, 8})
		g.sizes = append(g.sizes, 300, 700)
	}
	if d.Chance(25) {
		g.large(40_000)
		g.quotas = 8
	}
	g.faults = append(g.faults, befall...)
	if g.strike == 0 || g.strike > 20 {
		g.strike = 20
	}
}

// admission has servers take few connections, and give their clients little time to
// authenticate.
func (g *generator) admission(d *Dice) {
	c := &g.script.Config
	if d.Chance(3) {
		c.MaxConnections = d.Between(1, c.Clients)
	}
	if c.Identities == 0 {
		return
	}
	if d.Chance(20) {
		c.MaxConnections = d.Between(1, c.Clients)
	}
	if d.Chance(25) {
		c.AuthTimeout = []time.Duration{time.Millisecond, 5 * time.Millisecond, 50 * time.Millisecond}[d.Below(3)]
		g.faults = append(g.faults, weighted{Stall, 4}, weighted{Cut, 4})
	}
}

// disk has the server save, and its disk and itself break.
func (g *generator) disk(d *Dice) {
	c := &g.script.Config
	c.MaxMemory, c.Evict = DefaultConfig().MaxMemory, false
	g.faults = append(g.faults, weighted{Save, 30}, weighted{SaveCrash, 10}, weighted{Crash, 6}, weighted{DiskFull, 4},
		weighted{FailWrite, 3}, weighted{FailSync, 4}, weighted{FailRename, 3}, weighted{Rot, 4}, weighted{Shorten, 2}, weighted{BringBack, 4})
	g.ttls = append(g.ttls, 0, time.Hour)
	if g.strike == 0 || g.strike > 12 {
		g.strike = 12
	}
}

// peers bounds the memory for requests in flight, and makes some large.
func (g *generator) peers(d *Dice) {
	c := &g.script.Config
	c.InFlight = []int{100 << 10, 200 << 10, 400 << 10}[d.Below(3)]
	g.large(1<<10, 5_000, 40_000, 150_000)
	g.left = min(g.left, 200)
	g.pace = min(g.pace, 5_000)
	if d.Chance(30) { // many answers of a middling size, which are kept in the session
		g.sizes = []int{5_000}
		g.keys = 3
		g.calls = append(g.calls, weighted{Set, 10}, weighted{Get, 60})
	}
	g.faults = append(g.faults, weighted{Stall, 10}, weighted{Cut, 3})
	g.strike = 10
	c.Window = []int{4 << 10, 16 << 10}[d.Below(2)]
	c.Inflight = 0
}

// loaders has clients load what they do not find. In half of these worlds nothing else
// befalls them, so that more can be demanded.
func (g *generator) loaders(d *Dice) {
	c := &g.script.Config
	g.loads = d.Between(1, 3)
	g.calls = append(g.calls, weighted{Load, 25}, weighted{LoadFail, []int{0, 4}[d.Below(2)]})
	g.pace = max(g.pace, 50_000)
	if d.Chance(50) {
		g.aim, g.strike, g.faults, g.ttls = 0, 0, nil, []time.Duration{time.Hour}
		g.calls = []weighted{{Load, 40}, {LoadFail, g.calls[len(g.calls)-1].weight}, {Get, 10}, {Set, 5}, {Delete, 3}}
		g.pace, c.Clients = max(g.pace, 500_000), max(c.Clients, 2)
		c.Deadline, c.Inflight, c.Fragment, c.Window = 0, 0, Count{}, DefaultConfig().Window
		c.MaxMemory, c.Evict, c.MaxValueSize = DefaultConfig().MaxMemory, false, DefaultConfig().MaxValueSize
	}
}

// load draws a call about a name whose values are loaded. Names are loaded alone, or
// set and deleted as well.
func (g *generator) load(a *Action) {
	d := g.dice
	name := d.Below(g.loads)
	a.Key = fmt.Sprintf("load%d", name)
	if a.Verb == LoadFail || a.Verb == Set || a.Verb == Delete {
		a.Key = fmt.Sprintf("mixed%d", name)
	} else if d.Chance(40) {
		a.Key = fmt.Sprintf("mixed%d", name)
	}
	if verbs[a.Verb].value {
		g.values++
		a.Value.Label = fmt.Sprintf("v%d", g.values)
	}
	if verbs[a.Verb].ttl {
		a.TTL = []time.Duration{0, 2 * time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond}[d.Below(4)]
	}
	if verbs[a.Verb].load {
		a.Stale = []time.Duration{0, 5 * time.Millisecond, 50 * time.Millisecond}[d.Below(3)]
		a.Lease = []time.Duration{0, 100 * time.Millisecond}[d.Below(2)]
		a.Takes = []time.Duration{0, time.Millisecond, 20 * time.Millisecond, 250 * time.Millisecond}[d.Below(4)]
	}
}

// lock draws what a client does with a lock.
func (g *generator) lock(a *Action) {
	d := g.dice
	a.Key = fmt.Sprintf("lock%d", d.Below(g.locks))
	if verbs[a.Verb].ttl {
		a.TTL = []time.Duration{20 * time.Microsecond, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second}[d.Below(5)]
	}
	if a.Verb == Extend && d.Chance(50) {
		a.TTL = 0
	}
	if d.Chance(g.aim) {
		a.Aim = Aim{On: true, Offset: time.Duration(d.Between(-1, 1))}
	}
}

// befallIdentity draws what a server is told of an identity.
func (g *generator) befallIdentity(a *Action) {
	d, shape := g.dice, verbs[a.Verb]
	a.Actor = Actor{Kind: Server}
	a.Count = d.Between(1, g.script.Config.Identities)
	if shape.key {
		a.Key = []string{"", "", "k", "k1", "k2"}[d.Below(5)]
	}
	if shape.size {
		a.Value.Size = d.Between(1, 8) << 10
		if g.quotas > 1 && d.Chance(50) {
			a.Value.Size *= g.quotas
		}
	}
}
