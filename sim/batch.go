package sim

import (
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// batches reports whether a verb can be part of a batch of the product's client.
func batches(v script.Verb) bool { return v == script.Get || v == script.Set || v == script.Delete }

// expectBatch lets the client's next n calls wait for each other.
func (c *client) expectBatch(n int) {
	c.sendBatch()
	c.batch = make([]*script.Action, 0, n)
}

// gathers reports whether a call waits for others. The last of them sends all.
func (c *client) gathers(a *script.Action) bool {
	if cap(c.batch) == 0 || c.w.over || !batches(a.Verb) {
		return false
	}
	if c.batch = append(c.batch, a); len(c.batch) == cap(c.batch) {
		c.sendBatch()
	}
	return true
}

// sendBatch sends what has been gathered, in one go.
func (c *client) sendBatch() {
	all := c.batch
	c.batch = nil
	if len(all) == 0 {
		return
	}
	c.batches++
	if len(all) > 1 {
		c.w.cover(StateBatched)
	}
	c.turn++
	c.corked = true
	for _, a := range all {
		c.makeCall(a)
	}
	c.corked = false
	for _, e := range c.ends {
		if e != nil {
			e.drained()
		}
	}
}

// batchNumber is that of the batch that is being sent, 0 outside of any.
func (c *client) batchNumber() int {
	if c.corked {
		return c.batches
	}
	return 0
}

// links is how many connections a client has to each server.
func (w *world) links() int { return max(w.script.Config.Connections, 1) }

// slot returns the connection that a call takes: the next one, but for a batch,
// all of which takes one.
func (c *client) slot(to *node, k *call) int {
	if k.batch == 0 {
		c.turn++
	}
	return to.index*c.w.links() + c.turn%c.w.links()
}

// noteAnswer looks at how an answer comes beside others.
func (e *clientEnd) noteAnswer(k *call) {
	w := e.c.w
	if k.Err != nil || k.looked != nil {
		return
	}
	if k.batch > 0 && k.batch == e.batch && (k.Response.Status == wire.OK) != e.batchWell {
		w.cover(StateBatchMixed)
	}
	e.batch, e.batchWell = k.batch, k.Response.Status == wire.OK
	if w.links() == 1 {
		return
	}
	for _, other := range e.c.ends {
		if other == nil || other == e || len(other.calls) == 0 {
			continue
		}
		w.cover(StateTwoConnections)
		if other.calls[0].began < k.began {
			w.cover(StateOvertaken)
		}
	}
}

// noteLost looks at what a connection leaves behind.
func (e *clientEnd) noteLost() {
	for _, k := range e.calls {
		if k.batch > 0 && k.batch == e.batch {
			e.c.w.cover(StateBatchTorn)
		}
	}
	for _, other := range e.c.ends {
		if other != nil && other != e && other.conn.node == e.conn.node && len(other.calls) > 0 {
			e.c.w.cover(StateOneOfTwoCut)
		}
	}
}

// noteRekey looks at what a change of keys comes upon.
func (c *client) noteRekey() {
	for _, e := range c.ends {
		if e != nil && len(e.calls) > 0 {
			c.w.cover(StateRotatedPending)
		}
	}
}

// sealedWith takes note of a key that a value is sealed with.
func (w *world) sealedWith(label string, primary int) { w.keys[label] |= 1 << primary }

// openedWith judges whether the client can have opened a value: one of the keys that
// it was sealed with has to be in its keyring.
func (c *client) openedWith(label string) *oracle.Violation {
	keys, own := c.w.keys[label], uint8(1)<<c.primary
	switch {
	case c.retired && keys&own == 0:
		return &oracle.Violation{Rule: oracle.RuleSealed, Detail: label + " was opened with a key that its reader has let go of"}
	case keys&own != 0:
	case keys&(1<<((c.primary+1)%keyCount)) != 0:
		c.w.cover(StateNewKeyRead)
	default:
		c.w.cover(StateOldKeyRead)
	}
	return nil
}
