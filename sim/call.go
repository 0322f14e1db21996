package sim

import (
	"cmp"
	"encoding/binary"
	"errors"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sealing/freshness"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

type engine = *pipeline.Engine

// A call is a request under way, with what the oracles need to judge it.
type call struct {
	pipeline.Call
	op        oracle.Op
	action    *script.Action
	began     int64 // virtual time
	place     int   // among the requests that the connection's handler sees; -1 if it does not
	refusable bool  // the protocol's rules forbid it
	batch     int   // which one of the client's it is part of; 0 for none
	touches   int   // how often a touch has found its item changed
	traced    int   // among the calls of the trace

	look   freshness.Snapshot // what the client's table knew when the request was made
	sent   freshness.Envelope // what is written
	stamp  sealing.Stamp      // of what is written, or of what removes
	recall *oracle.Recall     // what the client cannot but have known then

	lock *locking // nil unless it is about one

	looked func(well bool) // in place of all that, for what a client asks for its ring
}

// newCall returns a call, one that is done with if there is any: the product
// allows it, so it must be harmless.
func (w *world) newCall() *call {
	if n := len(w.free); n > 0 {
		k := w.free[n-1]
		w.free = w.free[:n-1]
		return k
	}
	return &call{}
}

func requestSize(r *wire.Request) int64 {
	return int64(wire.RequestHeaderSize + len(r.Key) + len(r.Value))
}

// finish records how a call ended.
func (k *call) finish(c *client, outcome oracle.Outcome, how string) {
	w := c.w
	k.op.Outcome = outcome
	k.claimed(c)
	c.forgo(k)
	w.mix(uint64(outcome)<<8 | uint64(len(how)))
	w.remember(k.op)
	w.noteEnd(k, how)
	if w.answers != nil {
		w.answers[k.action] = how
	}
	if !k.action.Allows(how, false) {
		w.violate(RuleExpect, "%s, and it came to %q", k.action, how)
	}
	w.free = append(w.free, k)
}

// answered finishes a call with its answer: it checks the answer itself, then what
// the client returns for it.
func (e *clientEnd) answered(k *call) {
	w := e.c.w
	k.op.Return, k.op.Ended = w.server.clk.elapsed(), w.turn
	honest := !w.corrupt && w.server.liar == nil
	if e.conn.server.turnedAway && k.Response.Status == wire.Error {
		// the connection was ended in the middle of this request
		k.finish(e.c, oracle.Void, cmp.Or(e.turnedAway, script.WantError))
		return
	}
	if honest && k.place >= 0 && !e.paired(k) {
		w.violate(RulePairing, "%v got %v %.20q, which was not the answer to it", k.action, k.Response.Status, k.Response.Value)
		return
	}
	if how := refusedAs(k.Response); how != "" && honest && w.script.Config.Refuses() {
		if how == script.WantDenied && e.turnedAway != "" {
			how = e.turnedAway // the product waits for the answer to AUTH, and says that
		}
		k.finish(e.c, oracle.Void, how) // whether rightly so has been judged where it was said
		return
	}
	if refused := k.Response.Status == wire.Error; refused != k.refusable && honest && (!refused || !e.conn.node.mayRefuse(k.Response)) {
		w.violate(RuleRefusal, "%v: %v %.60q", k.action, k.Response.Status, k.Response.Value)
		return
	}
	if k.action.Verb == script.Touch && e.c.touched(k) {
		return
	}
	if k.lock != nil && e.c.locked(k) {
		return
	}
	e.c.learn(k)
	switch k.Response.Status {
	case wire.OK:
		e.c.done(k)
	case wire.NotFound:
		k.finish(e.c, oracle.Miss, script.WantMiss)
	case wire.Exists:
		if k.action.Verb == script.CAS {
			w.cover(StateCASLost)
		}
		k.finish(e.c, oracle.Exists, script.WantExists)
	default:
		k.finish(e.c, oracle.Void, script.WantError)
	}
}

// paired reports whether an answer is the one to the call. Where memory in flight is
// bounded, a session refuses what its handler never sees, so that an answer's place
// among the handler's is known from below alone.
func (e *clientEnd) paired(k *call) bool {
	answers := e.conn.server.answers
	if e.conn.node.w.script.Config.InFlight == 0 {
		return k.place < len(answers) && (answers[k.place] == anyAnswer || answers[k.place] == answerHash(k.Response))
	}
	if refusedAs(k.Response) == script.WantBusy {
		return true
	}
	for i := e.matched; i < len(answers); i++ {
		if answers[i] == anyAnswer || answers[i] == answerHash(k.Response) {
			e.matched = i + 1
			return true
		}
	}
	return false
}

// mayRefuse reports whether an error may be an answer to a request that the protocol
// allows.
func (s *node) mayRefuse(a wire.Response) bool {
	return s.model.MayRefuse || s.registry != nil && oracle.AccountFull(a)
}

// done finishes a call that succeeded.
func (c *client) done(k *call) {
	value := k.Response.Value
	switch k.action.Verb {
	case script.CAS:
		c.w.cover(StateCASWon)
		if len(value) == 8 {
			k.op.Got = binary.BigEndian.Uint64(value)
			c.versions[k.action.Key] = k.op.Got
		}
	case script.GetV:
		if len(value) < 16 {
			c.notAuthentic(k)
			return
		}
		k.op.Got = binary.BigEndian.Uint64(value)
		c.versions[k.action.Key] = k.op.Got
		c.open(k, value[16:])
		return
	case script.Get, script.GetDel:
		c.open(k, value)
		return
	}
	k.finish(c, oracle.Done, script.WantOK)
}

// maxTouches is how often a touch reads and swaps before it gives up.
const maxTouches = 16

// touched continues a touch, which is two requests: the value is read, sealed again
// with another expiry, and swapped in. It reports whether a request is still to come.
func (c *client) touched(k *call) bool {
	w, status := c.w, k.Response.Status
	c.name = c.seal().AppendWireName(c.name[:0], []byte(k.action.Key))
	switch k.Request.Command {
	case wire.GetV:
		if status != wire.OK || len(k.Response.Value) < 16 {
			return false
		}
		version := k.Response.Value[:8]
		plain, stamp, err := c.openFresh(k, k.Response.Value[16:])
		if errors.Is(err, sealing.ErrExpired) {
			w.cover(StateExpiredSealed)
			k.finish(c, oracle.Void, script.WantMiss)
			return true
		}
		if errors.Is(err, sealing.ErrStale) {
			c.stale(k, err, oracle.Void, script.WantMiss)
			return true
		}
		if err != nil {
			c.notAuthentic(k)
			return true
		}
		c.scratch = plain
		w.sealedWith(script.Label(plain), c.primary)
		c.envelope = append(c.envelope[:0], version...)
		r := wire.Request{Command: wire.CAS, TTL: k.action.TTL, Key: c.name}
		k.stamp = stamp // a touched value is as old as it was
		r.Value = c.sealed(k.action, script.Label(plain), stamp)
		k.Request, k.refusable = r, c.refuses(&r)
	default:
		if status != wire.Exists && status != wire.NotFound {
			return false
		}
		if k.touches++; k.touches == maxTouches {
			k.finish(c, oracle.Unknown, script.WantExists)
			return true
		}
		k.Request = wire.Request{Command: wire.GetV, Key: c.name}
		k.refusable = false
	}
	c.begin(k)
	k.Response, k.MaybeApplied, k.op.Return = wire.Response{}, false, oracle.Never
	c.send(k)
	return true
}

// open opens the value that a read returned. One that does not open says
// nothing about the store, so the operation's outcome stays unknown.
func (c *client) open(k *call, envelope []byte) {
	w, key := c.w, k.action.Key
	plain, _, err := c.openFresh(k, envelope)
	if errors.Is(err, sealing.ErrExpired) {
		w.cover(StateExpiredSealed)
		if v := w.ledger.Expired(key, c.wall(), skew); v != nil {
			w.fail(v)
			return
		}
		k.finish(c, oracle.Unknown, script.WantExpired)
		return
	}
	if errors.Is(err, sealing.ErrStale) {
		c.stale(k, err, oracle.Unknown, script.WantStale)
		return
	}
	if errors.Is(err, sealing.ErrNotAuthentic) && k.action.Verb == script.Get && c.isNote(k, envelope) {
		k.finish(c, oracle.Miss, script.WantMiss)
		return
	}
	if err != nil {
		c.notAuthentic(k)
		return
	}
	c.scratch = plain
	label := script.Label(plain)
	if v := w.ledger.Accepted(label, key, c.wall(), skew); v != nil {
		w.fail(v)
		return
	}
	if v := c.remembers(k, label); v != nil {
		w.fail(v)
		return
	}
	if !w.values[label].Is(plain) {
		w.violate(oracle.RuleSealed, "%v opened %d bytes that only begin like %q", k.action, len(plain), label)
		return
	}
	if v := c.openedWith(label); v != nil {
		w.fail(v)
		return
	}
	k.op.Seen = label
	k.finish(c, oracle.Done, label)
}

func (c *client) notAuthentic(k *call) {
	w := c.w
	if c.retired {
		w.cover(StateRetiredRead)
	} else if !w.corrupt && w.server.liar == nil && !w.strangers {
		w.violate(oracle.RuleSealed, "%v: an honest server's value does not open", k.action)
		return
	}
	w.cover(StateForged)
	if k.action.Verb == script.Touch {
		k.finish(c, oracle.Void, script.WantForged) // it has only read so far
		return
	}
	k.finish(c, oracle.Unknown, script.WantForged)
}
