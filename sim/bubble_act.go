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
		b.processes[max(a.Actor.Index, 1)-1].befall(a, until)
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

// strike lets something happen to a user's connection to each server, if there is one.
func (b *bubble) strike(a *script.Action, until time.Time) {
	for _, p := range b.processes {
		b.mu.Lock()
		c := p.conn(a.Actor.Index)
		b.mu.Unlock()
		if c != nil {
			c.strike(a, until)
		}
	}
}

// strike lets something happen to the connection, of which c is the user's end.
func (c *gatedConn) strike(a *script.Action, until time.Time) {
	b, end := c.b, c
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
