package sim

import (
	"cmp"
	"context"
	"errors"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// InBubble calls f with a function that runs scripts on tier 2: the product's
// real servers and clients, goroutines and all, over net.Pipe. Time is that of
// a testing/synctest bubble, which stands still while anybody can go on, and a
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
	script  *script.Script
	clk     clock.Clock
	start   time.Time
	gate    *gate
	events  uint64 // let through so far
	hash    uint64
	frozen  time.Time // until when the server does nothing
	faults  bool      // calls may be tried twice
	corrupt bool      // bits may flip: what users see proves little
	healed  bool
	work    sync.WaitGroup // calls, servers and closings under way

	mu      sync.Mutex // guards everything below
	server  *server.Server
	conns   []*gatedConn
	users   []*user
	pending int // calls
	done    []ended
	ledger  *oracle.Ledger
	values  map[string]script.Value
	failure *Failure
	trace   *Trace
}

// ended is a call that is over.
type ended struct {
	step int
	ops  []oracle.Op
	how  string
}

func runInBubble(s *script.Script, o Options) *Result {
	b := &bubble{script: s, clk: clock.New(), gate: newGate(), ledger: oracle.NewLedger(), values: map[string]script.Value{}}
	b.start = b.clk.Now()
	if o.Record {
		b.trace = &Trace{Lanes: []Lane{{"server", 0}}}
	}
	for i := range s.Actions {
		switch s.Actions[i].Verb {
		case script.Flip:
			b.corrupt, b.faults = true, true
		case script.Cut, script.CutTorn, script.CutAnswer, script.Restart:
			b.faults = true
		}
	}
	b.faults = b.faults || s.Config.Deadline > 0
	b.open()
	for i := range s.Config.Clients {
		b.users = append(b.users, newUser(b, i+1))
	}
	b.play()
	b.end()
	if b.trace != nil {
		for _, u := range b.users {
			b.trace.Lanes = append(b.trace.Lanes, Lane{u.name(), u.index})
		}
		b.trace.end(b.elapsed())
	}
	return &Result{Hash: b.judge(o), Ops: len(b.done), Failure: b.failure, Trace: b.trace}
}

func (b *bubble) elapsed() time.Duration { return b.clk.Since(b.start) }

// open starts a server with an empty store.
func (b *bubble) open() {
	c := &b.script.Config
	eviction := cache.EvictNone
	if c.Evict {
		eviction = cache.EvictLeastUsed
	}
	srv, err := server.New(server.Config{
		MaxMemory: int64(c.MaxMemory), MaxValueSize: c.MaxValueSize, Eviction: eviction,
		AllowFlush: true, Clock: b.clk, HashKey: &[16]byte{byte(b.script.Seed), 2},
	})
	if err != nil {
		b.violate(RuleRefusal, err.Error())
		return
	}
	b.mu.Lock()
	b.server = srv
	b.mu.Unlock()
}

// dial connects a user to the server.
func (b *bubble) dial(lane int) (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server == nil {
		return nil, errors.New("nobody listens")
	}
	client, server := b.connect(lane)
	b.conns = append(b.conns, client)
	serve := b.server.ServeConn
	b.work.Go(func() { serve(server) })
	return client, nil
}

// conn returns the user's connection made last, nil if it has none.
func (b *bubble) conn(lane int) *gatedConn {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.conns) - 1; i >= 0; i-- {
		if b.conns[i].lane == lane {
			return b.conns[i]
		}
	}
	return nil
}

// play goes through the script and then lets everything complete.
func (b *bubble) play() {
	for i := range b.script.Actions {
		a := &b.script.Actions[i]
		b.runUntil(b.start.Add(a.At), func() bool { return false })
		if b.failed() {
			return
		}
		b.act(i+1, a)
	}
	b.healed = true
	b.runUntil(b.clk.Now().Add(time.Duration(peace)), b.idle)
	if !b.idle() && !b.failed() && !b.corrupt {
		b.violate(RuleLiveness, "calls have no answer after "+time.Duration(peace).String()+" without faults")
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
	for {
		// A nanosecond passes only when all others are blocked; and it makes
		// sure that no two things happen at the same time.
		b.clk.Sleep(1)
		synctest.Wait()
		now := b.clk.Now()
		if enough() || b.failed() {
			return
		}
		t, soonest := b.gate.next(b.script.Seed, now, b.heldUntil)
		if t != nil {
			b.events++
			b.hash = script.Draw(b.hash, t.id, uint64(now.Sub(b.start)))
			close(t.open)
			continue
		}
		if !now.Before(at) {
			return
		}
		if soonest.IsZero() || soonest.After(at) {
			soonest = at
		}
		timer := time.NewTimer(soonest.Sub(now)) //nolint:forbidigo // the clock of a bubble is virtual
		select {
		case <-timer.C:
		case <-b.gate.arrived:
			timer.Stop()
		}
	}
}

// heldUntil is when a ticket may be let through.
func (b *bubble) heldUntil(t *ticket) time.Time {
	if b.healed || t.conn == nil {
		return time.Time{}
	}
	until := t.ready
	if stalled := t.conn.stalledUntil(); stalled.After(until) {
		until = stalled
	}
	if b.frozen.After(until) {
		until = b.frozen // nothing reaches a frozen server, and nothing leaves it
	}
	return until
}

// act lets one action happen.
func (b *bubble) act(step int, a *script.Action) {
	if a.Verb.IsFault() {
		b.mu.Lock()
		b.note(max(a.Actor.Index, 0), Fault, a.String())
		b.mu.Unlock()
	}
	until := b.clk.Now().Add(a.TTL)
	switch {
	case a.Verb.IsCall():
		b.users[a.Actor.Index-1].call(step, a)
		return
	case a.Verb == script.Restart:
		b.restart(a.TTL)
		return
	case a.Verb == script.Freeze:
		b.frozen = until
		return
	case a.Verb == script.Sweep:
		b.mu.Lock()
		if b.server != nil {
			store := b.server.Cache()
			store.Sweep(store.Now(), a.Count)
		}
		b.mu.Unlock()
		return
	case a.Actor.Kind != script.Client:
		return // the other tier's: raw bytes, lies, a janitor that is not a goroutine
	case a.Verb == script.Cancel:
		b.users[a.Actor.Index-1].cancel()
		return
	case a.Verb == script.Rotate:
		b.users[a.Actor.Index-1].rotate()
		return
	}
	c := b.conn(a.Actor.Index)
	if c == nil {
		return
	}
	end := c
	if a.Side == script.Down {
		end = c.other
	}
	switch a.Verb {
	case script.Cut:
		c.reset()
	case script.CutTorn:
		c.with(func(c *gatedConn) { c.tear = true })
	case script.CutAnswer:
		c.other.with(func(c *gatedConn) { c.cut = true })
	case script.Stall:
		end.with(func(c *gatedConn) { c.stalled = until })
	case script.Flip:
		end.with(func(c *gatedConn) { c.flip = true })
	}
}

// restart loses everything that the server has.
func (b *bubble) restart(back time.Duration) {
	b.mu.Lock()
	server, conns := b.server, b.conns
	b.server, b.conns = nil, nil
	now := int64(b.elapsed())
	if server != nil {
		b.done = append(b.done, ended{ops: []oracle.Op{{Verb: script.Flush, Call: now, Return: oracle.Never, Outcome: oracle.Unknown}}})
	}
	at := len(b.done) - 1
	b.mu.Unlock()
	for _, c := range conns {
		c.reset()
	}
	if server == nil {
		return
	}
	b.work.Go(func() {
		err := server.Close()
		if err != nil && !errors.Is(err, context.Canceled) {
			b.violate(RuleRefusal, "the server does not close: "+err.Error())
		}
		b.clk.Sleep(back + 1)
		b.mu.Lock()
		op := &b.done[at].ops[0]
		op.Outcome, op.Return = oracle.Done, int64(b.elapsed())
		b.mu.Unlock()
		b.open()
	})
}

// end closes everything and waits until no goroutine of the run is left.
func (b *bubble) end() {
	b.healed = true
	for _, u := range b.users {
		b.work.Go(u.close)
	}
	b.finish(&b.work)
	if server := b.server; server != nil {
		var closing sync.WaitGroup
		closing.Go(func() { _ = server.Close() }) // its connections are gone; what is left is the janitor
		b.finish(&closing)
	}
}

// finish lets everybody through until all of work is done.
func (b *bubble) finish(work *sync.WaitGroup) {
	over := make(chan struct{})
	go func() {
		work.Wait()
		close(over)
	}()
	for {
		b.clk.Sleep(1)
		synctest.Wait()
		if t, _ := b.gate.next(b.script.Seed, b.clk.Now(), b.heldUntil); t != nil {
			close(t.open)
			continue
		}
		select {
		case <-over:
			return
		case <-b.gate.arrived:
		}
	}
}

// judge asks the oracles about the history, and returns the hash of the run.
func (b *bubble) judge(o Options) uint64 {
	// Calls that end together do so in no order; their place in the script is
	// one.
	slices.SortStableFunc(b.done, func(x, y ended) int { return cmp.Compare(x.step, y.step) })
	var history []oracle.Op
	for i := range b.done {
		d := &b.done[i]
		history = append(history, d.ops...)
		for k := range d.ops {
			b.hash = script.Draw(b.hash, uint64(d.step), uint64(d.ops[k].Outcome), hashBytes(0, []byte(d.how)))
		}
	}
	if b.failure != nil || o.NoHistory || b.corrupt {
		return b.hash
	}
	for _, ops := range oracle.ByKey(history) {
		v := oracle.Zones(ops)
		if v == nil && oracle.Tractable(ops) {
			v = oracle.Linearizable(ops, b.script.Config.Evict)
		}
		if v != nil {
			b.violate(v.Rule, v.Detail)
			break
		}
	}
	return b.hash
}

func (b *bubble) violate(rule, detail string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail(0, rule, detail)
}

// fail ends the run with a broken rule, in a lane. Only the first counts. It
// requires b.mu.
func (b *bubble) fail(lane int, rule, detail string) {
	if b.failure != nil {
		return
	}
	b.failure = &Failure{Rule: rule, Detail: detail, Step: len(b.done), At: b.elapsed()}
	b.note(lane, Broken, rule+": "+detail)
}
