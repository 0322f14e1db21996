package script

import (
	"fmt"
	"time"
)

// Generate draws a script from a seed. Every seed is another kind of world:
// which verbs are used, which faults strike, how long items live, how large
// values are and how fast things go is drawn first, and then the actions
// ("swarm testing": Groce and others, ISSTA 2012). A run of narrow worlds
// finds more than one world in which everything happens a little.
func Generate(seed uint64) *Script {
	if NewDice(seed ^ 0x419).Chance(3) {
		return GenerateRing(seed)
	}
	g := generator{dice: NewDice(seed), script: &Script{Seed: seed, Config: DefaultConfig()}}
	g.world()
	g.workload()
	g.aspects()
	for g.left > 0 {
		g.step()
	}
	return g.script
}

// generator holds what was drawn for one script.
type generator struct {
	dice   *Dice
	script *Script
	left   int           // actions to go
	at     time.Duration // of the next one
	pace   int           // mean nanoseconds between two
	keys   int
	calls  []weighted
	faults []weighted
	strike int // a fault in so many actions; 0 for none
	aim    int // percent of calls that are aimed at an expiry
	ttls   []time.Duration
	sizes  []int
	values int // written so far
	locks  int // names of locks
	loads  int // names whose values are loaded
	quotas int // factor of some quotas; 0 for none
}

type weighted struct {
	verb   Verb
	weight int
}

// world draws what the script runs in.
func (g *generator) world() {
	d, c := g.dice, &g.script.Config
	c.Clients = d.Between(1, 6)
	switch {
	case d.Chance(3):
		c.Clients = 64
	case d.Chance(1):
		c.Clients = 1000
	}
	if d.Chance(70) {
		c.Delay.Min = time.Duration(d.Between(1, 50)) * time.Microsecond
		c.Delay.Max = c.Delay.Min * time.Duration(d.Between(1, 40))
	}
	if d.Chance(50) {
		c.Fragment = Count{Min: 1, Max: []int{1, 3, 20, 100, 1500}[d.Below(5)]}
	}
	if d.Chance(20) {
		c.Window = []int{1, 64, 1 << 10, 4 << 10}[d.Below(4)]
	}
	if d.Chance(30) {
		c.Drift = d.Between(-500, 500)
	}
	if d.Chance(30) {
		c.Deadline = time.Duration(d.Between(1, 50)) * time.Millisecond
	}
	if d.Chance(10) {
		c.Inflight = d.Between(1, 16)
	}
	c.Attempts = d.Between(1, 2)
	c.Shards = 1 << d.Below(3)
	c.Janitor = []time.Duration{100 * time.Microsecond, time.Millisecond, 10 * time.Millisecond}[d.Below(3)]
	c.SweepBudget = 1 << d.Below(8)
	c.Evict = d.Chance(70)
	c.Padding = d.Chance(25)
	c.Blind = d.Chance(25)
	c.Hostile = d.Chance(12)
}

// workload draws what clients do in it and what goes wrong.
func (g *generator) workload() {
	d := g.dice
	g.left = max([]int{30, 100, 300, 1000}[d.Below(4)], 2*g.script.Config.Clients)
	g.pace = []int{500, 5_000, 50_000, 500_000}[d.Below(4)]
	g.keys = []int{1, 3, 10, 40}[d.Below(4)]
	g.calls = g.subset(70, 10, Get, Set, Get, Delete, Touch, Add, Replace, CAS, GetV, GetDel, Prolong)
	g.calls = append(g.calls, weighted{Set, 3}, weighted{Get, 5})
	if d.Chance(15) {
		g.calls = append(g.calls, weighted{Flush, 1})
	}
	if d.Chance(10) {
		g.calls = append(g.calls, weighted{Ping, 1})
	}
	ttls := []time.Duration{0, 1, 20 * time.Microsecond, 300 * time.Microsecond, 2 * time.Millisecond, 30 * time.Millisecond, time.Second, time.Hour}
	for range d.Between(1, 4) {
		g.ttls = append(g.ttls, ttls[d.Below(len(ttls))])
	}
	g.sizes = []int{0, 8, 100}
	if d.Chance(12) {
		g.large(1<<10, 5_000)
	}
	if d.Chance(4) {
		g.large(40_000, 150_000)
		g.left = min(g.left, 100)
	}
	if d.Chance(5) {
		g.pressure()
	}
	if d.Chance(5) { // what the protocol refuses
		g.ttls = append(g.ttls, -1)
		g.script.Config.MaxValueSize = 120
	}
	if d.Chance(50) {
		g.aim = []int{5, 20, 50}[d.Below(3)]
	}
	g.faults = g.subset(30, 5, Cut, CutTorn, CutAnswer, Finish, Stall, Trickle, Restart, Freeze, Starve, Sweep, Cancel, Rotate, Clock)
	if d.Chance(10) {
		g.faults = append(g.faults, weighted{Flip, 5})
	}
	if g.script.Config.Hostile {
		g.faults = append(g.faults, g.subset(50, 10, LieSwap, LieReplay, LieTruncate, LieExtend, LieMiss, LieHit, LieForge, LieRepeat, LieBend, LieIgnore)...)
		g.backwards()
	}
	if len(g.faults) > 0 {
		g.strike = []int{4, 20, 80}[d.Below(3)]
	}
}

// backwards has a hostile server mostly take things back, and gives clients bounds
// that a script is longer than. It has dice of its own.
func (g *generator) backwards() {
	d, c := NewDice(g.script.Seed^0xbac), &g.script.Config
	if d.Chance(50) {
		g.faults = append(g.faults, weighted{LieReplay, 20}, weighted{LieHit, 10}, weighted{LieIgnore, 20})
	}
	if d.Chance(50) {
		c.ClockBound, c.WriteDelay = time.Millisecond, time.Duration(d.Between(1, 5))*time.Millisecond
	}
}

// large adds sizes, and sees to it that they do not travel byte by byte.
func (g *generator) large(sizes ...int) {
	g.sizes = append(g.sizes, sizes...)
	c := &g.script.Config
	c.Window = max(c.Window, 4<<10)
	if c.Fragment.Max > 0 {
		c.Fragment.Max = 1500
	}
}

// pressure makes the values outgrow the smallest store there is.
func (g *generator) pressure() {
	g.script.Config.MaxMemory = 1 << 20
	g.script.Config.Shards = 1
	g.keys = 100
	g.sizes = []int{100}
	g.large(20_000, 60_000)
	g.calls = append(g.calls, weighted{Set, 20}, weighted{Get, 20})
	g.ttls = append(g.ttls, 0, time.Hour)
	g.left = 400
}

// subset keeps each verb with that chance, under a weight of its own.
func (g *generator) subset(percent, most int, verbs ...Verb) []weighted {
	var kept []weighted
	for _, v := range verbs {
		if g.dice.Chance(percent) {
			kept = append(kept, weighted{v, g.dice.Between(1, most)})
		}
	}
	return kept
}

func (g *generator) pick(from []weighted) Verb {
	total := 0
	for _, w := range from {
		total += w.weight
	}
	n := g.dice.Below(total)
	for _, w := range from {
		if n -= w.weight; n < 0 {
			return w.verb
		}
	}
	return from[0].verb
}

// step draws one action. Times are all different, so that a draw keyed by the
// time belongs to one action alone.
func (g *generator) step() {
	d := g.dice
	g.left--
	g.at += time.Duration(1 + d.Below(2*g.pace))
	a := Action{At: g.at, Actor: Actor{Kind: Client, Index: d.Between(1, g.script.Config.Clients)}}
	if g.strike > 0 && d.Below(g.strike) == 0 {
		a.Verb = g.pick(g.faults)
		g.fault(&a)
	} else {
		a.Verb = g.pick(g.calls)
		g.call(&a)
	}
	g.script.Actions = append(g.script.Actions, a)
}

func (g *generator) call(a *Action) {
	d, shape := g.dice, verbs[a.Verb]
	if a.Verb == Batch {
		a.Count = d.Between(2, 12)
		return
	}
	if shape.lock {
		g.lock(a)
		return
	}
	if shape.load || g.loads > 0 && kindOf(a.Verb) == anyKind && d.Chance(15) {
		g.load(a)
		return
	}
	if shape.key && !shape.optionalKey {
		// The square of a uniform draw leans to the first keys.
		n := d.Below(g.keys) * d.Below(g.keys) / g.keys
		a.Key = fmt.Sprintf("k%d", n)
		if d.Chance(g.aim) {
			a.Aim = Aim{On: true, Offset: time.Duration(d.Between(-1, 1))}
		}
	}
	if shape.optionalKey && d.Chance(50) {
		a.Key = fmt.Sprintf("k%d", d.Below(10))
	}
	if shape.value {
		g.values++
		a.Value.Label = fmt.Sprintf("v%d", g.values)
		if size := g.sizes[d.Below(len(g.sizes))]; size > len(a.Value.Label) {
			a.Value.Size = size
		}
	}
	if shape.ttl {
		a.TTL = g.ttls[d.Below(len(g.ttls))]
	}
}

func (g *generator) fault(a *Action) {
	d, shape := g.dice, verbs[a.Verb]
	if shape.identity {
		g.befallIdentity(a)
		return
	}
	if shape.actor == Server {
		a.Actor = Actor{Kind: Server}
	}
	if shape.size {
		a.Value.Size = d.Below(2_000)
	}
	if shape.side {
		a.Side = Side(d.Below(2))
	}
	if shape.ttl {
		a.TTL = time.Duration(1 + d.Below(20*g.pace))
	}
	if a.Verb == Clock {
		a.TTL = time.Duration(d.Between(-5_000, 5_000)) * time.Millisecond
	}
	if shape.n {
		a.Count = d.Between(1, 8)
	}
}
