package sim

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// InBubble calls f with a function that runs scripts on tier 2: the product's
// real servers and clients, with their goroutines, over net.Pipe. Time is that of a
// testing/synctest bubble, which stands still while any goroutine can run, and a
// gate lets one goroutine through at a time, so that a run can be repeated.
//
// The clock of a bubble is virtual, real as it looks; f must not measure with
// it. All runs share one bubble, because pools of the product keep channels,
// and a channel belongs to the bubble that it was made in.
func InBubble(t *testing.T, f func(run func(*script.Script, Options) *Result)) {
	emptyPools()
	defer emptyPools()
	synctest.Test(t, func(*testing.T) { f(runInBubble) })
}

// emptyPools makes every sync.Pool forget: what it holds survives one
// collection and no second.
func emptyPools() {
	runtime.GC()
	runtime.GC()
}

// A bubble is one run of tier 2 under way.
type bubble struct {
	script *script.Script
	clk    clock.Clock
	start  time.Time
	gate   *gate
	// clk on tier 2; nil on tier 3.
	steps *bubbleClock
	// free on tier 3; nil on tier 2.
	free *scriptClock
	// Let through so far.
	events uint64
	// ownReads are reads of answers by the callers themselves, and lateReads those
	// that they left to their client's goroutine.
	ownReads, lateReads atomic.Int64
	hash                uint64
	// The servers, and the first of them.
	processes []*process
	first     *process
	// Nil unless the server runs on a simulated kernel.
	shell *shell
	// Nil unless hostile.
	liar *sharedLiar
	// Connections may break.
	faults bool
	// Bits may flip: what users see proves little.
	corrupt bool
	// Values are loaded, or locks are taken.
	loading bool
	// What a user reads need not have been written by one.
	suspect bool
	// The server may keep what has expired by its seal.
	outlived bool
	// users' clocks differ by more than they allow for.
	stepped bool
	// Calls, servers and closings under way.
	work sync.WaitGroup
	// What the network has let through on tier 3.
	moved atomic.Uint64

	// Guards everything below.
	mu sync.Mutex
	// door is nil without authentication.
	door   *doorkeeper
	healed bool
	// Nothing recurs any more.
	over bool
	// All users are there.
	ready bool
	// Connections that close their sending half once nothing is to be sent.
	ending []*gatedConn
	users  []*user
	raws   []*rawUser
	// What rings look after servers by; does not change once the users are there.
	looks []*look
	// Calls and dialogues.
	pending int
	// A call has ended without its answer, so that the server may still be at it, or its
	// client, which gives back what it may have locked.
	unanswered bool
	done       []ended
	ledger     *oracle.Ledger
	locks      oracle.Locks
	loads      oracle.Loads
	holders    int // of locks so far
	values     map[string]script.Value
	failure    *Failure
	trace      *Trace
}

// ended is a call that is over.
type ended struct {
	step int
	ops  []oracle.Op
	how  string
}

func runInBubble(s *script.Script, o Options) *Result {
	clk := clock.New() //nolint:forbidigo // the clock of a bubble is virtual
	now := clk.Now()
	// sealed times are whole milliseconds, of every run the same ones
	clk.Sleep(now.Truncate(time.Hour).Add(time.Hour).Sub(now))
	steps := &bubbleClock{Clock: clk}
	b := newBubble(s, steps, newGate(), o)
	b.steps = steps
	return b.run(o)
}

// newBubble returns a run that is about to begin.
func newBubble(s *script.Script, clk clock.Clock, g *gate, o Options) *bubble {
	b := &bubble{script: s, clk: clk, gate: g, ledger: oracle.NewLedger(), values: map[string]script.Value{}}
	b.start = b.clk.Now()
	b.door = newDoorkeeper(&s.Config)
	for i := range s.Config.Servers {
		b.processes = append(b.processes, newProcess(b, i))
	}
	b.first = b.processes[0]
	if o.Record {
		b.trace = &Trace{Lanes: []Lane{{"server", 0}}}
	}
	for i := range s.Actions {
		a := &s.Actions[i]
		b.corrupt = b.corrupt || a.Verb.Corrupts()
		switch a.Verb {
		case script.Cut, script.CutTorn, script.CutAnswer, script.Finish, script.Restart, script.Unplug:
			b.faults = true
		}
		b.suspect = b.suspect || a.Actor.Kind == script.Raw
		b.outlived = b.outlived || a.Verb == script.Prolong
		b.loading = b.loading || a.Verb.IsLoading() || a.Verb.IsLocking()
		b.stepped = b.stepped || a.Verb == script.Clock
	}
	if HasShell && (o.Shell || s.Config.Kernel > 0) && !s.PipesOnly() {
		b.shell = newShell(b)
	}
	b.faults = b.faults || b.corrupt || s.Config.Deadline > 0 || s.Config.Hostile || s.Config.Refuses()
	b.suspect = b.suspect || b.corrupt || s.Config.Hostile
	if s.Config.Hostile {
		b.liar = &sharedLiar{liar: newLiar(s.Seed, func(lie script.Verb, key []byte) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.note(0, Fault, fmt.Sprintf("server tells %v about %q", lie, key))
		})}
	}
	return b
}

// run goes through the script, ends everything and judges.
func (b *bubble) run(o Options) *Result {
	s := b.script
	for _, p := range b.processes {
		p.open()
	}
	b.users = make([]*user, s.Config.Clients)
	for i := range b.users {
		b.join(i)
	}
	b.mu.Lock()
	b.ready = true
	b.mu.Unlock()
	b.shell.invite()
	b.play()
	b.end()
	if b.trace != nil {
		for _, u := range b.users {
			b.trace.Lanes = append(b.trace.Lanes, Lane{u.name(), u.index})
		}
		b.trace.end(b.elapsed())
	}
	r := &Result{Hash: b.judge(o), Ops: len(b.done), Failure: b.failure, Trace: b.trace}
	r.OwnReads, r.LateReads = int(b.ownReads.Load()), int(b.lateReads.Load())
	if o.Answers {
		r.Answers = map[*script.Action]string{}
		for _, d := range b.done {
			if d.step > 0 && d.step <= len(s.Actions) {
				r.Answers[&s.Actions[d.step-1]] = d.how
			}
		}
	}
	return r
}

// join makes a user. If it has to show who it is, its link takes no time for that.
func (b *bubble) join(i int) {
	if b.door == nil && !b.shell.secures(i+1) {
		b.users[i] = newUser(b, i+1)
		return
	}
	var work sync.WaitGroup
	work.Go(func() {
		u := newUser(b, i+1)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.users[i] = u
	})
	b.finish(&work, never)
}

func (b *bubble) elapsed() time.Duration { return b.clk.Since(b.start) }

// moment is the server's time, which is what histories are written in.
func (b *bubble) moment() int64 { return int64(b.first.clk.Since(b.start)) }

// play goes through the script and then lets everything complete.
func (b *bubble) play() {
	last := time.Duration(-1)
	for i := range b.script.Actions {
		a := &b.script.Actions[i]
		if b.free != nil {
			b.begin(a, last)
		} else {
			b.runUntil(b.start.Add(a.At), func() bool { return false })
		}
		if b.failed() {
			return
		}
		last = a.At
		b.act(i+1, a)
	}
	for _, u := range b.users {
		u.sendBatch()
	}
	b.heal()
	if b.free != nil {
		b.peaceful()
	} else {
		b.runUntil(b.clk.Now().Add(time.Duration(peace)), b.idle)
	}
	if !b.idle() && !b.failed() && !b.corrupt && b.liar == nil {
		b.violate(RuleLiveness, "calls have no answer after "+time.Duration(peace).String()+" without faults")
	}
	b.healRings()
}

// heal ends all faults.
func (b *bubble) heal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.healed = true
	for _, p := range b.processes {
		p.clk.idle.Store(0)
	}
}

func (b *bubble) failed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failure != nil
}

func (b *bubble) idle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pending == 0
}

// runUntil lets goroutines through, one after the other, until it is time for
// something else or enough says so.
func (b *bubble) runUntil(at time.Time, enough func() bool) {
	var t *ticket
	for {
		b.step(t)
		select {
		case <-b.gate.arrived: // and is seen now: it must not end a later wait
		default:
		}
		now := b.clk.Now()
		if enough() || b.failed() {
			return
		}
		if b.finishing() {
			synctest.Wait()
		}
		var soonest time.Time
		if t, soonest = b.gate.next(b.script.Seed, now, b.heldUntil); t != nil {
			b.events++
			b.hash = script.Draw(b.hash, t.id, uint64(now.Sub(b.start)))
			b.gate.admit(t)
			continue
		}
		if !now.Before(at) {
			return
		}
		if soonest.IsZero() || soonest.After(at) {
			soonest = at
		}
		timer := b.clk.Timer(soonest.Sub(now) - 1)
		b.steps.idle(func() {
			select {
			case <-timer.C:
			case <-b.gate.arrived:
				timer.Stop()
			}
		})
	}
}

// step waits until all goroutines are blocked, including the one just let through.
func (b *bubble) step(after *ticket) {
	synctest.Wait()
	if b.shell != nil && b.shell.busy(after) {
		// system calls take no time
		return
	}
	// no two things happen at the same time
	b.steps.step()
}

// heldUntil is when a ticket may be let through.
func (b *bubble) heldUntil(t *ticket) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.system && b.ready && !b.healed {
		return b.first.frozen
	}
	if !b.ready || b.healed || t.conn == nil {
		return time.Time{}
	}
	until := t.ready
	if t.side == script.Up && !t.aimed && !until.After(b.clk.Now()) {
		t.aimed = true
		t.ready = b.aimedAt(t.conn.lane, t.ready)
		until = t.ready
	}
	if stalled := t.conn.stalledUntil(); stalled.After(until) {
		until = stalled
	}
	if frozen := t.conn.to.frozen; frozen.After(until) {
		// nothing reaches a frozen server, and nothing leaves it
		until = frozen
	}
	return until
}

// aimedAt is when a request of a user's is to reach the server that has its key, if it
// is the one that an aimed call sends, and otherwise. It requires b.mu.
func (b *bubble) aimedAt(lane int, otherwise time.Time) time.Time {
	if lane >= rawLane || b.first.server == nil {
		return otherwise
	}
	u := b.users[lane-1]
	if len(u.aims) == 0 {
		return otherwise
	}
	a := u.aims[0]
	u.aims = u.aims[1:]
	for _, p := range b.processes {
		kept := p.timeLeft(u.wireName(a.Key))
		if left := kept + a.Aim.Offset; kept > 0 && left > 0 && left <= farAim {
			return b.clk.Now().Add(left)
		}
	}
	return otherwise
}

// finishing closes the sending half of connections that are to end and have nothing more
// to send, and reports whether there were any. All goroutines must be blocked, and may be
// so no more.
func (b *bubble) finishing() (any bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ending = slices.DeleteFunc(b.ending, func(c *gatedConn) (done bool) {
		if b.gate.begins(c.lane) {
			return false
		}
		if c.with(func(c *gatedConn) { done = c.writers == 0 }); done {
			any = true
			c.finished()
		}
		return done
	})
	return any
}
