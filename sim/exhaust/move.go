package exhaust

import (
	"slices"
	"time"

	"github.com/Zezezknight/cryptomem/sim"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// A move is one thing that happens next. Moves are compared to tell whether they
// are the same, also in different states.
type move struct {
	kind kind
	// client from 0.
	client int8
	// split of bytes: they end within a chunk.
	split bool
	// n of bytes: how many; of a tick: the time; of a lie: the verb.
	n int64
}

type kind uint8

const (
	begin kind = iota // the client makes its next call
	up                // bytes arrive at the server
	down              // bytes arrive at the client
	cut
	cancel
	tick
	sweep
	restart
	lie
)

// sweepAll is more segments than a small world has.
const sweepAll = 64

// What a move reads and writes, a bit each; of a client's, one for each client.
// Two moves commute unless one of them writes what the other reads or writes.
type parts uint32

const (
	theTime parts = 1 << iota
	theStore
	theReturns // which calls have come to an end: what began later, knows
	theCuts
	theSplits
	theSweeps
	theCancels
	theRestarts
	theLies
	firstClient
	mostClients = 3
	everything  = ^parts(0)
)

func clientPart(i int8) parts  { return firstClient << i }
func sessionPart(i int8) parts { return firstClient << mostClients << i }

// touches returns what a move reads, what it writes, and what it adds to in a way
// that does not depend on the order.
func (m move) touches() (reads, writes, adds parts) {
	switch m.kind {
	case begin:
		reads, writes = theTime|theReturns, clientPart(m.client)
	case up:
		reads, writes = theTime, sessionPart(m.client)|theStore
	case down:
		reads, writes, adds = theTime, clientPart(m.client), theReturns
	case cut:
		writes = clientPart(m.client) | sessionPart(m.client) | theCuts
	case cancel:
		writes = clientPart(m.client) | theCancels
	case tick:
		writes = theTime
	case sweep:
		reads, writes = theTime, theStore|theSweeps
	case lie:
		writes = theStore | theLies
	default:
		writes = everything
	}
	if m.split {
		writes |= theSplits
	}
	return reads, writes, adds
}

// commutes reports whether two moves lead to the same state in either order, and
// neither keeps the other from being made.
func (m move) commutes(o move) bool {
	r1, w1, a1 := m.touches()
	r2, w2, a2 := o.touches()
	return w1&(r2|w2|a2) == 0 && w2&(r1|a1) == 0 && a1&r2 == 0 && a2&r1 == 0
}

// action returns the move as a script has it; a tick is no action, but the time of
// what follows. next is the client's next call.
func (m move) action(at time.Duration, next func(client int8) script.Action) script.Action {
	a := script.Action{Actor: script.Actor{Kind: script.Client, Index: int(m.client) + 1}}
	switch m.kind {
	case begin:
		a = next(m.client)
	case up, down:
		a.Verb, a.Count = script.Deliver, int(m.n)
		if m.kind == down {
			a.Side = script.Down
		}
	case cut:
		a.Verb = script.Cut
	case cancel:
		a.Verb = script.Cancel
	case sweep:
		a.Actor = script.Actor{Kind: script.Server}
		a.Verb, a.Count = script.Sweep, sweepAll
	case restart:
		a.Actor = script.Actor{Kind: script.Server}
		a.Verb = script.Restart
	case lie:
		a.Actor = script.Actor{Kind: script.Server}
		a.Verb = script.Verb(m.n)
	}
	a.At = at
	return a
}

// moves returns what can happen next in a state.
func (x *explorer) moves(walk *sim.Walk, p *past) (all []move) {
	for i := range x.programs {
		c := int8(i)
		link := walk.Link(i + 1)
		if int(p.begun[i]) < len(x.programs[i]) && (link.Pending < x.flight || !x.programs[i][p.begun[i]].Verb.IsCall()) {
			all = append(all, move{kind: begin, client: c})
		}
		all = x.deliveries(all, up, c, link.Up, p)
		all = x.deliveries(all, down, c, link.Down, p)
		if link.Open && int(p.cuts) < x.Cuts {
			all = append(all, move{kind: cut, client: c})
		}
		if link.Pending > 0 && int(p.cancels) < x.Cancels {
			all = append(all, move{kind: cancel, client: c})
		}
	}
	if int(p.sweeps) < x.Sweeps {
		all = append(all, move{kind: sweep})
	}
	if int(p.restarts) < x.Restarts {
		all = append(all, move{kind: restart})
	}
	if p.lies == 0 {
		for _, v := range x.Lies {
			all = append(all, move{kind: lie, n: int64(v)})
		}
	}
	if int(p.ticks) < x.Ticks {
		for _, at := range walk.Instants() {
			all = append(all, move{kind: tick, n: int64(at)})
		}
	}
	return all
}

// deliveries adds the pieces in which bytes may arrive: the first chunk, the first
// two as one, and so on; and if one may be split, the first chunk in part. What is
// possible stays so, and means the same, when more is sent.
func (x *explorer) deliveries(all []move, way kind, client int8, chunks []int, p *past) []move {
	sum := 0
	for i, size := range chunks {
		sum += size
		all = append(all, move{kind: way, client: client, n: int64(sum)})
		if i > 0 || int(p.splits) >= x.Splits || p.torn[way-up][client] {
			continue
		}
		for n := 1; n < size; n++ {
			if x.Bytes || n == 1 || n == size-1 {
				all = append(all, move{kind: way, client: client, n: int64(n), split: true})
			}
		}
	}
	return all
}

// without returns the moves that are not among others.
func without(all, others []move) (rest []move) {
	for _, m := range all {
		if !slices.Contains(others, m) {
			rest = append(rest, m)
		}
	}
	return rest
}
