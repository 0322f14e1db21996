package sim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A hold is a client's lock on tier 1, which makes the requests that the product's Lock
// makes, one after the other: a mark is added, and a client that finds one there reads
// whose it is. An empty mark is that of a free lock.
type hold struct {
	// Of all holders of the world, from 1.
	holder int
	mark   []byte
	fence  uint64
	ttl    time.Duration
	// What became of its last swap is not known.
	unsure bool
}

// A locking is a call about a lock under way.
type locking struct {
	*hold
	// How often it was repeated because another client was faster.
	races int
	// Virtual time of its beginning.
	began int64
	// The mark that was added, as it was sent.
	added []byte
	// Requests so far.
	requests int
}

// mostRaces is how often a lock is tried to be taken before it counts as another's.
const mostRaces = 3

// locks begins a call about a lock. It reports false if that is over at once.
func (c *client) locks(k *call, a *script.Action) bool {
	w := c.w
	h := c.holds[a.Key]
	switch {
	case a.Verb == script.Lock:
		h = w.newHold(c)
	case h == nil:
		k.op.Return = k.op.Call
		k.finish(c, oracle.Void, script.WantNotHeld)
		return false
	}
	k.lock = &locking{hold: h, began: w.now}
	switch {
	case a.Verb == script.Lock:
		c.mark(k, wire.Add, 0)
	case h.unsure:
		c.whose(k)
	default:
		c.mark(k, wire.CAS, h.fence)
	}
	return w.failure == nil
}

func (w *world) newHold(c *client) *hold {
	w.holders++
	h := &hold{holder: w.holders, mark: make([]byte, 16)}
	_, _ = c.random.Read(h.mark) // never fails
	return h
}

// term is for how long the call's mark is to be there.
func (k *call) term() time.Duration {
	switch {
	case k.action.Verb == script.Unlock:
		return 1
	case k.action.TTL > 0:
		return k.action.TTL
	}
	return k.lock.ttl
}

// mark makes the call's next request one that stores its mark, an empty one to give
// the lock back.
func (c *client) mark(k *call, command wire.Command, version uint64) {
	w, s := c.w, c.seal()
	if w.failure != nil {
		return
	}
	mark := k.lock.mark
	if k.action.Verb == script.Unlock {
		mark = nil
	}
	c.name = s.AppendWireName(c.name[:0], []byte(k.action.Key))
	c.envelope = c.envelope[:0]
	if command == wire.CAS {
		c.envelope = appendUint64(c.envelope, version)
	}
	start, now := len(c.envelope), c.wall()
	var err error
	c.envelope, err = s.Seal(c.envelope, []byte(k.action.Key), mark, now.Add(k.term()), c.fresh.Stamp(now))
	if err != nil {
		w.violate(RuleRefusal, "%v cannot be sealed: %v", k.action, err)
	} else if v := w.sealed.Sent(c.name, c.envelope[start:]); v != nil {
		w.fail(v)
	}
	k.Request = wire.Request{Command: command, TTL: k.term(), Key: c.name, Value: c.envelope}
	k.refusable = c.refuses(&k.Request)
	if k.lock.requests++; command == wire.Add {
		k.lock.added = bytes.Clone(c.envelope)
	}
}

// whose makes the call's next request one that reads whose mark is there.
func (c *client) whose(k *call) {
	c.name = c.seal().AppendWireName(c.name[:0], []byte(k.action.Key))
	k.Request, k.refusable = wire.Request{Command: wire.GetV, Key: c.name}, false
	k.lock.requests++
}

// locked continues a call about a lock. It reports whether the answer was one of those
// that it expects.
func (c *client) locked(k *call) bool {
	status, value := k.Response.Status, k.Response.Value
	if status != wire.OK && status != wire.Exists && status != wire.NotFound {
		return false
	}
	switch k.Request.Command {
	case wire.Add:
		c.whose(k)
	case wire.GetV:
		if status == wire.OK && len(value) < 16 {
			return false
		}
		if !c.markRead(k, status, value) {
			return true
		}
	default:
		if status != wire.OK || len(value) != 8 {
			if !c.outrun(k) {
				return true
			}
			break
		}
		k.lock.unsure = false
		c.held(k, binary.BigEndian.Uint64(value))
		return true
	}
	c.goOn(k)
	return true
}

// goOn sends a call's next request.
func (c *client) goOn(k *call) {
	if c.w.failure != nil {
		return
	}
	k.Response, k.MaybeApplied, k.op.Return = wire.Response{}, false, oracle.Never
	c.send(k)
}

// markRead decides by the current mark. It reports whether the call continues.
func (c *client) markRead(k *call, status wire.Status, value []byte) bool {
	w := c.w
	if status == wire.NotFound {
		return c.outrun(k)
	}
	version := binary.BigEndian.Uint64(value)
	if k.action.Verb == script.Lock && bytes.Equal(value[16:], k.lock.added) {
		c.held(k, version)
		return false
	}
	mark, err := c.seal().Open(c.scratch[:0], []byte(k.action.Key), value[16:], c.wall())
	own := err == nil && k.action.Verb != script.Lock && bytes.Equal(mark, k.lock.mark)
	switch {
	case errors.Is(err, sealing.ErrNotAuthentic) && !c.retired && !w.strangers && !w.corrupt && w.server.liar == nil:
		w.violate(oracle.RuleSealed, "%v: an honest server's lock does not open", k.action)
		return false
	case own:
		c.mark(k, wire.CAS, version)
		return true
	case k.action.Verb != script.Lock:
		return c.outrun(k)
	case errors.Is(err, sealing.ErrExpired), err == nil && len(mark) == 0:
		w.cover(StateLockOutlived)
	default:
		w.cover(StateLocked)
		k.finish(c, oracle.Exists, script.WantLocked)
		return false
	}
	c.mark(k, wire.CAS, version)
	return true
}

// outrun continues a call whose lock has changed. It reports whether the call goes on.
func (c *client) outrun(k *call) bool {
	w := c.w
	if k.action.Verb != script.Lock {
		w.cover(StateLockLost)
		k.finish(c, oracle.Exists, script.WantNotHeld)
		return false
	}
	w.cover(StateLockRaced)
	if k.lock.races++; k.lock.races == mostRaces {
		k.finish(c, oracle.Exists, script.WantLocked)
		return false
	}
	k.lock.began = w.now
	c.mark(k, wire.Add, 0)
	return true
}

// held ends a call that has come to what it was for.
func (c *client) held(k *call, fence uint64) {
	w, h := c.w, k.lock.hold
	h.fence = fence
	switch k.action.Verb {
	case script.Unlock:
		w.cover(StateUnlocked)
	case script.Extend:
		w.cover(StateLockExtended)
		h.ttl = k.term()
	default:
		h.ttl = k.term()
		if w.now-k.lock.began >= int64(h.ttl) {
			w.cover(StateLockLate)
			k.finish(c, oracle.Unknown, script.WantNotHeld)
			return
		}
		c.holds[k.action.Key] = h
	}
	k.finish(c, oracle.Done, script.WantOK)
}

// giveBack gives back a lock that its client does not know to have, once, where the
// product tries it until the lock's time is over.
func (c *client) giveBack(key string, h *hold) {
	w := c.w
	h.unsure = true
	w.cover(StateLockUncertain)
	w.events.push(w.now+1, rankCall, c.index, func() {
		other, any := c.holds[key]
		c.holds[key] = h
		c.makeCall(&script.Action{At: time.Duration(w.now), Actor: script.Actor{Kind: script.Client, Index: c.index}, Verb: script.Unlock, Key: key})
		if delete(c.holds, key); any {
			c.holds[key] = other
		}
	})
}

// claimed reports to the oracle how a call about a lock ended.
func (k *call) claimed(c *client) {
	if k.lock == nil {
		return
	}
	l := k.lock
	claim := oracle.Claim{
		Verb: k.action.Verb, Name: k.action.Key, Holder: l.holder, TTL: k.term(),
		Call: k.op.Call, Return: k.op.Return, Outcome: k.op.Outcome, Fence: l.fence,
	}
	if claim.Verb == script.Lock && claim.Outcome == oracle.Void && k.Request.Command == wire.GetV {
		claim.Outcome = oracle.Unknown // the mark may be there
	}
	if claim.Outcome == oracle.Unknown {
		claim.Return = oracle.Never
	}
	c.w.locks.Claimed(claim)
	c.w.mix(l.fence)
	k.lock, k.op.Outcome = nil, oracle.Void // to all other oracles it is nothing
	if claim.Verb == script.Lock && claim.Outcome == oracle.Unknown && !c.w.over {
		c.giveBack(claim.Name, l.hold)
	}
}

// uncertain notes that what the call's last request did is not known.
func (k *call) uncertain() {
	if k.lock != nil {
		k.lock.unsure = true
	}
}

// later reports whether the call is about a lock, and its first request is behind it.
func (k *call) later() bool { return k.lock != nil && k.lock.requests > 1 }
