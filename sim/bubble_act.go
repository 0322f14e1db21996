package sim

import (
	"time"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// act lets one action happen.
func (b *bubble) act(step int, a *script.Action) {
	if a.Verb.IsFault() {
		b.mu.Lock()
		b.note(max(a.Actor.Index, 0), Fault, a.String())
		b.mu.Unlock()
	}
	until := b.clk.Now().Add(a.TTL)
	switch {
	case a.Actor.Kind == script.Raw:
		b.raw(a.Actor.Index).act(step, a)
	case a.Actor.Kind == script.Server:
		b.befall(a, until)
	case a.Verb.IsCall():
		b.users[a.Actor.Index-1].call(step, a)
	case a.Verb == script.Cancel:
		b.users[a.Actor.Index-1].cancel()
	case a.Verb == script.Rotate:
		b.users[a.Actor.Index-1].rotate(false)
	case a.Verb == script.Batch:
		b.users[a.Actor.Index-1].expectBatch(a.Count)
	case a.Verb == script.Retire:
		b.users[a.Actor.Index-1].rotate(true)
	case a.Verb == script.Clock:
		b.users[a.Actor.Index-1].clk.jump(a.TTL)
	default:
		b.strike(a, until)
	}
}

// befall lets something happen to the server.
func (b *bubble) befall(a *script.Action, until time.Time) {
	switch {
	case a.Verb.ChangesIdentity():
		b.tell(a)
	case a.Verb == script.Restart:
		b.restart(a.TTL)
	case a.Verb == script.Freeze:
		b.mu.Lock()
		b.frozen = until
		b.mu.Unlock()
	case a.Verb == script.Starve:
		b.machine.idle.Store(int64(b.elapsed() + a.TTL))
	case a.Verb == script.Sweep:
		b.mu.Lock()
		if b.server != nil {
			store := b.server.Cache()
			store.Sweep(store.Now(), a.Count)
		}
		b.mu.Unlock()
	case a.Verb.IsLie() && b.liar != nil:
		b.liar.mu.Lock()
		b.liar.tell(a.Verb)
		b.liar.mu.Unlock()
	}
}

// strike lets something happen to a user's connection, if there is one.
func (b *bubble) strike(a *script.Action, until time.Time) {
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
	case script.Finish:
		b.mu.Lock()
		b.ending = append(b.ending, c)
		b.mu.Unlock()
	case script.Stall:
		end.with(func(c *gatedConn) { c.stalled = until })
	case script.Trickle:
		end.with(func(c *gatedConn) { c.trickle = until })
	case script.Flip:
		end.with(func(c *gatedConn) { c.flip = true })
	default:
		panic("sim: nothing happens to goroutines by " + a.Verb.String())
	}
}
