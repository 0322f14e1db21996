package exhaust

import (
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// past is what each part of a world has met. Two courses of events with the same
// past have led to the same state, and left the oracles knowing the same.
type past struct {
	now int64
	// Requests executed, sweeps, restarts, in order.
	store uint64
	// Which calls have come to an end; a sum, for their order is nothing.
	returns uint64
	// Calls begun, bytes received.
	clients [mostClients]uint64
	// Bytes received on the open connection, answers made.
	sessions [mostClients]uint64

	// Steps of the programs.
	begun [mostClients]uint8
	// Calls with a certain outcome.
	ended [mostClients]uint8
	// The next bytes each way are the rest of a chunk.
	torn [2][mostClients]bool

	ticks, cuts, splits, sweeps, cancels, restarts, lies uint8
}

// hash identifies a state.
func (p *past) hash() uint64 {
	h := chain(uint64(p.now), p.store, p.returns,
		uint64(p.ticks)<<48|uint64(p.cuts)|uint64(p.splits)<<8|uint64(p.sweeps)<<16|uint64(p.cancels)<<24|uint64(p.restarts)<<32|uint64(p.lies)<<40)
	for i := range p.clients {
		h = chain(h, p.clients[i], p.sessions[i])
	}
	return h
}

// chain hashes numbers in their order.
func chain(h uint64, numbers ...uint64) uint64 { return script.Draw(h, numbers...) }

// A step is the result of a move: how many requests were executed, and which calls
// ended.
type step struct {
	executed int
	ended    []oracle.Op
}

// after is the past when a move has been made.
func (p past) after(m move, s step) past {
	i, now := m.client, uint64(p.now)
	word := uint64(m.kind)<<56 | uint64(m.n)
	switch m.kind {
	case begin:
		p.begun[i]++
		p.clients[i] = chain(p.clients[i], word, now, p.returns)
	case up:
		p.sessions[i] = chain(p.sessions[i], word, now)
		p.torn[0][i] = m.split
	case down:
		p.clients[i] = chain(p.clients[i], word, now)
		p.torn[1][i] = m.split
	case cut:
		p.reset(i, word)
		p.cuts++
	case cancel:
		p.clients[i] = chain(p.clients[i], word)
		p.cancels++
	case tick:
		p.now = m.n
		p.ticks++
	case sweep:
		p.store = chain(p.store, word, now)
		p.sweeps++
	case restart:
		p.store = chain(p.store, word, now, p.returns)
		p.returns += chain(word, p.store)
		for i := range p.clients {
			p.reset(int8(i), word)
		}
		p.restarts++
	case lie:
		p.store = chain(p.store, word)
		p.lies++
	}
	if m.split {
		p.splits++
	}
	if s.executed > 0 {
		p.store = chain(p.store, word, uint64(i), p.sessions[i], now)
		p.sessions[i] = chain(p.sessions[i], p.store)
	}
	for _, o := range s.ended {
		if c := o.Client - 1; c >= 0 && (o.Outcome == oracle.Done || o.Outcome == oracle.Miss || o.Outcome == oracle.Exists) {
			p.ended[c]++
			p.returns += chain(uint64(c), uint64(p.ended[c]))
		}
	}
	return p
}

// reset is what a client and its session have met when their connection is gone.
func (p *past) reset(i int8, word uint64) {
	p.clients[i] = chain(p.clients[i], word)
	p.sessions[i] = 0
	p.torn[0][i], p.torn[1][i] = false, false
}
