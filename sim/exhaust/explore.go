package exhaust

import (
	"fmt"
	"slices"
	"time"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// Options say how to search. The zero value is the quickest way that misses nothing.
type Options struct {
	// Stop ends the search early if it returns true; it is asked once a path, of so
	// many moves.
	Stop func(moves int) bool
	// AllOrders tries moves that commute in both orders, too.
	AllOrders bool
	// AllPaths does not recognise states, and so goes through every course of events.
	AllPaths bool
	// Ending is called for every path that was run to its end.
	Ending func(fingerprint uint64)
}

// A Result is the result of a search.
type Result struct {
	// Distinct ones; each was run to its end and judged.
	States int
	// Courses of events that were played, from the beginning.
	Paths int
	// Moves to the farthest state.
	Depth int
	// Nothing was left out: not stopped, and no promise broken.
	Whole bool

	Violation *Violation
}

// A Violation is a promise that a world breaks.
type Violation struct {
	Failure *sim.Failure
	// Script breaks it, in as few moves as any.
	Script *script.Script
	// Moves led to it, time that goes on included; Calls are those of them that are calls.
	Moves, Calls int
}

type explorer struct {
	World
	Options
	script   *script.Script
	programs [][]script.Action
	flight   int

	nodes []node
	// States, by their hash.
	known map[uint64]int32
	Result
	err error
}

// A node is a state that was reached.
type node struct {
	parent int32
	depth  int32
	// move that led here.
	move move
	past past
	// moves that are possible, and not yet made.
	moves []move
	// The others were.
	made bool
	// asleep that another order of moves takes care of.
	asleep []move
}

// root has no parent.
const root = -1

// Explore goes through a world.
func Explore(w World, o Options) (*Result, error) {
	s, programs, err := w.parse()
	if err != nil {
		return nil, err
	}
	if len(programs) > mostClients {
		return nil, fmt.Errorf("world %q has %d clients, limit %d", w.Name, len(programs), mostClients)
	}
	x := &explorer{World: w, Options: o, script: s, programs: programs, flight: max(w.Flight, 1), known: map[uint64]int32{}}
	x.Whole = true
	x.meet(sim.NewWalk(s), node{parent: root}, nil)
	for layer := []int32{0}; len(layer) > 0 && x.Whole && x.Violation == nil; {
		layer = x.expand(layer)
	}
	x.Whole = x.Whole && x.Violation == nil
	return &x.Result, x.err
}

// expand makes every move of the states of a layer that is yet to be made, and
// returns the states that this leads to.
func (x *explorer) expand(layer []int32) (next []int32) {
	for _, id := range layer {
		path := x.path(id)
		here := &x.nodes[id]
		moves := without(here.moves, here.asleep)
		here.moves, here.made = nil, true
		depth := int(here.depth)
		for i, m := range moves {
			if x.Stop != nil && x.Stop(depth+1) {
				x.Whole = false
				return nil
			}
			to, more := x.try(id, path, m, x.nextAsleep(x.nodes[id].asleep, moves[:i], m))
			if x.Violation != nil {
				return nil
			}
			if more {
				next = append(next, to)
			}
		}
	}
	// What was met twice is there once.
	slices.Sort(next)
	return slices.Compact(next)
}

// nextAsleep returns the moves that need not be made after m: those that need not be
// made before it, and those that were, provided that they commute with it.
func (x *explorer) nextAsleep(asleep, made []move, m move) (next []move) {
	if x.AllOrders || x.Ordered {
		return nil
	}
	for _, other := range [][]move{asleep, made} {
		for _, o := range other {
			if o.commutes(m) {
				next = append(next, o)
			}
		}
	}
	return next
}

// try makes a move in the state at the end of path. It returns the state that this
// leads to, and whether there is something to be done in it.
func (x *explorer) try(from int32, path []script.Action, m move, asleep []move) (to int32, more bool) {
	x.Paths++
	walk := sim.NewWalk(x.script)
	for i := range path {
		walk.Do(&path[i])
	}
	past, last := x.nodes[from].past, path
	executed, ended := walk.Executed(), len(walk.Ended())
	if m.kind != tick {
		a := m.action(time.Duration(past.now), func(c int8) script.Action { return x.programs[c][past.begun[c]] })
		walk.Do(&a)
		last = append(slices.Clip(path), a)
	}
	past = past.after(m, step{walk.Executed() - executed, walk.Ended()[ended:]})
	n := node{parent: from, depth: x.nodes[from].depth + 1, move: m, past: past, asleep: asleep}
	if walk.Failure() != nil {
		x.broken(walk, last, n.depth)
		return 0, false
	}
	return x.meet(walk, n, last)
}

// meet takes note of a state that was reached, and judges it if it is new.
func (x *explorer) meet(walk *sim.Walk, n node, path []script.Action) (id int32, more bool) {
	h := n.past.hash()
	if id, known := x.known[h]; known && !x.AllPaths {
		walk.Leave()
		return id, x.meetAgain(id, n.asleep)
	}
	if n.move.kind == tick && n.parent != root {
		pass := script.Action{At: time.Duration(n.past.now), Actor: script.Actor{Kind: script.Server}, Verb: script.Starve}
		walk.Do(&pass)
		path = append(slices.Clip(path), pass)
	}
	n.moves = x.moves(walk, &n.past)
	id = int32(len(x.nodes))
	x.known[h] = id
	x.nodes = append(x.nodes, n)
	x.States++
	x.Depth = max(x.Depth, int(n.depth))
	if walk.End() != nil {
		x.broken(walk, path, n.depth)
		return id, false
	}
	if x.Ending != nil {
		x.Ending(walk.Fingerprint())
	}
	return id, true
}

// meetAgain takes note that a state was reached another way, where fewer moves may
// be taken care of. It reports whether there are moves yet to be made in it.
func (x *explorer) meetAgain(id int32, asleep []move) bool {
	here := &x.nodes[id]
	woken := without(here.asleep, asleep)
	here.asleep = without(here.asleep, woken)
	if here.made {
		here.moves = append(here.moves, woken...)
	}
	return len(woken) > 0
}

// path returns the actions that lead to a state.
func (x *explorer) path(id int32) (all []script.Action) {
	var ids []int32
	for i := id; x.nodes[i].parent != root; i = x.nodes[i].parent {
		ids = append(ids, i)
	}
	for _, i := range slices.Backward(ids) {
		before := &x.nodes[x.nodes[i].parent].past
		if m := x.nodes[i].move; m.kind != tick {
			all = append(all, m.action(time.Duration(before.now), func(c int8) script.Action { return x.programs[c][before.begun[c]] }))
		}
	}
	return all
}

// broken takes note of a violation, and of the script that has it: one that breaks
// the same rule when it is read back and run.
func (x *explorer) broken(walk *sim.Walk, path []script.Action, depth int32) {
	f := walk.Failure()
	s := x.script.Clone()
	s.Title = []string{"Breaks the rule " + f.Rule + "."}
	s.Actions = slices.Clone(path)
	x.Violation = &Violation{Failure: f, Script: s, Moves: int(depth)}
	for i := range path {
		if path[i].Verb.IsCall() {
			x.Violation.Calls++
		}
	}
	again, err := script.Parse(s.String())
	if err != nil {
		x.err = fmt.Errorf("world %q breaks %w, in a script that cannot be read back: %w", x.Name, f, err)
	} else if r := sim.Run(again, sim.Options{}); r.Failure == nil || r.Failure.Rule != f.Rule {
		x.err = fmt.Errorf("world %q breaks %w, and this script does not:\n%s", x.Name, f, s)
	}
}

// Less reports whether v is shorter than o. No violation at all is longer than any.
func (v *Violation) Less(o *Violation) bool {
	if v == nil || o == nil {
		return v != nil
	}
	return v.Moves < o.Moves
}
