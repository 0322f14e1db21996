package sim

import (
	"fmt"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/ring"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// joinRing gives the client a ring of the servers, if there are several.
func (c *client) joinRing() {
	cfg := &c.w.script.Config
	if len(c.w.servers) == 1 {
		return
	}
	var servers []ring.Server
	for i := range c.w.servers {
		servers = append(servers, ring.Server{Name: fmt.Sprint("server", i+1)})
	}
	var err error
	c.ring, err = ring.New(servers, ring.Failover{Pause: cfg.Pause, StandIn: cfg.StandIn}, func() time.Time { return time.Unix(0, c.w.now) })
	if err != nil {
		c.w.violate(RuleRefusal, "no ring: %v", err)
		return
	}
	if cfg.Pause == 0 {
		return
	}
	for _, to := range c.w.servers {
		// Clients do not look at the same time.
		first := int64(firstLook(c.w.script, c.index, to.index, time.Duration(c.every())))
		c.w.events.push(c.w.now+first, rankLook, c.index, func() { c.look(to) })
	}
}

func (c *client) every() int64 { return int64(c.ring.Failover().Interval()) }

// place returns the server that is to be asked, nil if there is none now.
func (c *client) place(k *call) *node {
	if c.ring == nil {
		return c.w.server
	}
	i, home := c.ring.Place(k.Request.Key)
	if i < 0 {
		c.w.cover(StateNoServer)
		return nil
	}
	if !home {
		c.w.cover(StateStandIn)
	}
	if !home && k.Request.Command.Has(wire.TakesTTL) {
		lent := c.ring.Failover().Lend(k.Request.TTL)
		if lent != k.Request.TTL {
			c.w.cover(StateLent)
		}
		k.Request.TTL = lent
	}
	return c.w.servers[i]
}

// tellRing reports to the ring how a call to the end's server ended.
func (e *clientEnd) tellRing(k *call) {
	switch {
	case e.c.ring == nil || k.looked != nil:
	case k.Err != nil:
		e.c.ring.Failed(e.conn.node.index)
	default:
		e.c.ring.Answered(e.conn.node.index)
	}
}

func (c *client) ringFailed(to *node) {
	if c.ring != nil {
		c.ring.Failed(to.index)
	}
}

// look asks a server for a sign of life, and has one that was back for long enough
// flushed before it is believed.
func (c *client) look(to *node) {
	if c.w.over {
		return
	}
	c.w.events.push(c.w.now+c.every(), rankLook, c.index, func() { c.look(to) })
	c.ask(to, wire.Ping, c.every(), func(well bool) {
		if !well {
			c.ring.Failed(to.index)
			return
		}
		c.ring.Answered(to.index)
		if c.ring.Due(to.index) {
			c.ask(to, wire.Flush, int64(c.w.script.Config.StandIn), func(well bool) {
				if well {
					c.ring.Believe(to.index)
					c.w.cover(StateBelieved)
				}
			})
		}
	})
}

// ask sends a request of the ring's own, whose answer has to come in time.
func (c *client) ask(to *node, command wire.Command, patience int64, looked func(well bool)) {
	e := c.connected(to, to.index*c.w.links())
	if e == nil {
		looked(false)
		return
	}
	over := false
	k := &call{action: &script.Action{Verb: script.Ping}, began: c.w.now}
	k.looked = func(well bool) {
		if !over {
			over = true
			looked(well)
		}
	}
	k.Call = pipeline.Call{Request: wire.Request{Command: command}}
	if err := e.submit(k); err != nil {
		k.looked(false)
		return
	}
	c.w.events.push(c.w.now+patience, rankLook, c.index, func() {
		if !over {
			e.abandon(k)
			k.looked(false)
		}
	})
}

// abandon gives up a call, wherever it is in the queue.
func (e *clientEnd) abandon(k *call) {
	for i := range e.calls {
		if e.calls[i] == k && e.engine.Cancel(&k.Call) {
			e.calls = append(e.calls[:i], e.calls[i+1:]...)
			return
		}
	}
}

// healRings lets time pass until every client has to believe every server. All
// faults are over at calm.
func (w *world) healRings(calm int64) {
	pause := int64(w.script.Config.Pause)
	if len(w.servers) == 1 || pause == 0 || w.failure != nil {
		return
	}
	w.runUntil(max(calm, w.now) + 4*pause)
	for _, c := range w.clients {
		for i := range w.servers {
			if s := c.ring.State(i); s != ring.Up && w.failure == nil {
				w.violate(RuleLiveness, "c%d takes server%d to be %v, %v after all faults", c.index, i+1, s, 4*time.Duration(pause))
			}
		}
	}
	w.settle()
}
