package sim

import (
	"errors"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sealing/freshness"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// mostMemories is how many clients of a hostile server are judged by what they
// cannot but know.
const mostMemories = 6

// tableOf is how much a client remembers. Where the server lies, no name is
// forgotten that a script has room for.
func tableOf(c *script.Config) freshness.Config {
	names := 512
	if c.Hostile && c.Clients <= mostMemories {
		names = 4 << 10
	}
	return freshness.Config{Clocks: c.ClockBound, Delay: c.WriteDelay, Names: names, Key: [16]byte{1}}
}

// keptDeaths is for how many calls a client must remember that a value is gone: in
// the worst case all of them fall into one set of a table, which has 8 places.
const keptDeaths = 4

// memoryOf returns what judges a client of a hostile server; nil if nothing does.
func memoryOf(s *script.Script, l *oracle.Ledger) *oracle.Memory {
	c := &s.Config
	if !c.Hostile || c.Clients > mostMemories {
		return nil
	}
	limits := oracle.MemoryLimits{Clocks: c.ClockBound, Delay: c.WriteDelay, Timed: true, Kept: keptDeaths, Resealed: map[string]bool{}}
	for i := range s.Actions {
		switch a := &s.Actions[i]; a.Verb {
		case script.Touch:
			limits.Resealed[a.Key] = true
		case script.Clock:
			limits.Timed = false
		}
	}
	return oracle.NewMemory(l, limits)
}

// begin notes what the client knows of a request's name when the request is made.
func (c *client) begin(k *call) {
	switch r := &k.Request; r.Command {
	case wire.Ping:
	case wire.Flush:
		k.stamp = c.fresh.Stamp(c.wall())
	case wire.Delete, wire.GetDel:
		k.stamp = c.fresh.Stamp(c.wall())
		k.look = c.fresh.Begin(r.Key)
	case wire.Set, wire.Add, wire.Replace, wire.CAS:
		k.sent, _ = identify(sealedIn(r)) // a moment ago
		k.look = c.fresh.Begin(r.Key)
	default:
		k.look = c.fresh.Begin(r.Key)
	}
}

// sealedIn is the envelope in a request that writes.
func sealedIn(r *wire.Request) []byte {
	if r.Command == wire.CAS {
		return r.Value[8:]
	}
	return r.Value
}

// learn notes what an answer tells, but for a value, which openFresh judges.
func (c *client) learn(k *call) {
	switch ok, missing := k.Response.Status == wire.OK, k.Response.Status == wire.NotFound; k.Request.Command {
	case wire.Get, wire.GetV, wire.GetDel:
		if missing {
			c.fresh.Miss(k.look)
		}
	case wire.Set, wire.Add, wire.Replace, wire.CAS:
		if ok {
			c.fresh.Written(k.look, k.sent)
		}
	case wire.Delete:
		if ok || missing {
			c.fresh.Deleted(k.look, k.stamp)
		}
	case wire.Flush:
		if ok && len(k.Request.Key) == 0 {
			c.fresh.Flushed(k.stamp)
		}
	}
}

// openFresh opens an envelope and judges its age.
func (c *client) openFresh(k *call, envelope []byte) (plain []byte, stamp sealing.Stamp, err error) {
	now := c.wall()
	if plain, err = c.seal().Open(c.scratch[:0], []byte(k.action.Key), envelope, now); err != nil {
		return nil, 0, err
	}
	e, err := identify(envelope)
	switch {
	case err != nil:
	case k.Request.Command == wire.GetDel:
		err = c.fresh.GetDeleted(k.look, e, k.stamp, now)
	default:
		err = c.fresh.Hit(k.look, e, now)
	}
	return plain, e.Stamp, err
}

// identify returns what the product identifies an envelope by.
func identify(envelope []byte) (freshness.Envelope, error) {
	h, err := sealing.ParseHeader(envelope)
	return freshness.Envelope{Stamp: h.Stamp, ID: h.ID()}, err
}

// stale finishes a call whose value is taken for one that is over. An honest
// server's never is.
func (c *client) stale(k *call, why error, outcome oracle.Outcome, how string) {
	w := c.w
	if errors.Is(why, freshness.ErrSuperseded) && w.server.liar == nil && !w.corrupt && !w.stepped && !w.strangers && !w.reverted && len(w.servers) == 1 {
		w.violate(RuleRefusal, "%v: an honest server's value is taken for one that was replaced", k.action)
		return
	}
	w.cover(StateStale)
	if w.reverted {
		w.cover(StateRevertCaught)
	}
	k.finish(c, outcome, how)
}

// recall asks the oracle what the client cannot but know.
func (c *client) recall(key string) *oracle.Recall {
	if c.memory == nil || key == "" {
		return nil
	}
	return c.memory.Begin(key, c.wall())
}

// forgo reports to the oracle how a call ended.
func (c *client) forgo(k *call) {
	if k.recall != nil {
		c.memory.End(k.recall, &k.op)
		k.recall = nil
	}
}

// remembers asks the oracle whether the client may take a value for the present
// one.
func (c *client) remembers(k *call, label string) *oracle.Violation {
	if v := c.w.ledger.Ahead(label, c.wall(), c.w.script.Config.ClockBound); v != nil || k.recall == nil {
		return v
	}
	return c.memory.Accepted(k.recall, k.action.Key, label)
}
