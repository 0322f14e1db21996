package sim

import (
	"slices"
	"time"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// quietTime is how long tier 3 waits, while nothing moves on the network, for what
// is under way to end before the script goes on without it. It waits as long after a
// call without an answer.
const quietTime = 100 * time.Millisecond

// maxQuietTime is how long it waits in all, however much moves: a client that keeps a
// lease, or waits for one, never rests.
const maxQuietTime = 10 * quietTime

// Play runs a script on tier 3 with all its expectations: real servers and
// clients over net.Pipe, whose goroutines run in parallel without turns. All
// clocks show the script's time, which stands still between one action and the next;
// an action begins when those of earlier times have ended, or a while has passed. What
// several goroutines do at one time of the script they do in any order, and there a
// script says by "else" what may come of it besides. A run cannot be repeated, so Hash is 0.
func Play(s *script.Script, o Options) *Result {
	clk := newScriptClock()
	b := newBubble(s, clk, newGate(), o)
	b.gate.open = func(t *ticket) {
		b.await(clk, t)
		b.moved.Add(1)
	}
	b.free = clk
	r := b.run(o)
	r.Hash = 0
	return r
}

// await waits until nothing holds a ticket: the network or the server.
func (b *bubble) await(clk *scriptClock, t *ticket) {
	// time stands still, so nothing is on its way for a while
	t.ready = time.Time{}
	// the player has seen to it
	t.aimed = true
	var closed chan struct{}
	if t.conn != nil {
		closed = t.conn.closed
	}
	for b.heldUntil(t).After(clk.Now()) {
		wait := clk.Timer(time.Millisecond)
		select {
		case <-closed:
			wait.Stop()
			return
		case <-wait.C:
		}
	}
}

// settle waits, on tier 3, until what is under way has ended, or a while.
func (b *bubble) settle() {
	poll := b.free.Ticker(time.Millisecond)
	defer poll.Stop()
	moved := b.moved.Load()
	all := time.Duration(0)
	for quiet := all; !b.rests() && !b.failed() && quiet < quietTime && all < maxQuietTime; quiet += time.Millisecond {
		<-poll.C
		all += time.Millisecond
		b.finishing()
		// a busy machine takes its time over it
		if now := b.moved.Load(); now != moved {
			moved, quiet = now, 0
		}
	}
	b.finishing()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unanswered = false
}

// rests reports whether nothing is under way, as far as calls tell.
func (b *bubble) rests() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pending == 0 && !b.unanswered && !slices.ContainsFunc(b.looks, func(l *look) bool { return l.due > 0 }) && !b.isBehind()
}

// begin gets tier 3 to the time of an action.
func (b *bubble) begin(a *script.Action, last time.Duration) {
	if a.At > last {
		b.settle()
		b.lookUntil(a.At)
		b.returned()
	}
	if !a.Aim.On {
		return
	}
	b.settle()
	b.mu.Lock()
	defer b.mu.Unlock()
	u := b.users[a.Actor.Index-1]
	u.aims = append(u.aims, *a)
	b.free.advance(b.aimedAt(u.index, b.clk.Now()).Sub(b.start))
}

// until waits, on tier 3, for a time of the script, or for the end of it.
func (b *bubble) until(at time.Time) {
	for b.free.Now().Before(at) {
		b.mu.Lock()
		healed := b.healed
		b.mu.Unlock()
		if healed {
			return
		}
		b.free.Sleep(time.Millisecond)
	}
}

// returned waits for servers that are due to be there again.
func (b *bubble) returned() {
	for {
		b.mu.Lock()
		there := !slices.ContainsFunc(b.processes, func(p *process) bool { return p.server == nil && !p.back.After(b.clk.Now()) })
		b.mu.Unlock()
		if there || b.failed() {
			return
		}
		b.free.Sleep(time.Millisecond)
	}
}

// peaceful lets script time pass on tier 3 until every call has ended.
func (b *bubble) peaceful() {
	for range int(peace / int64(quietTime)) {
		if b.settle(); b.idle() || b.failed() {
			return
		}
		b.free.advance(b.elapsed() + quietTime)
	}
}
