package sim

import (
	"errors"
	"io"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var errDeadline = errors.New("the server is silent")

// A clientEnd is a client's end of a connection: the product's engine, and the
// calls that it holds.
type clientEnd struct {
	c      *client
	conn   *conn
	engine engine
	// slot among the client's connections.
	slot int
	// The batch that the latest answer was of.
	batch int
	// And whether that was ok.
	batchWell bool
	// Unanswered and not cancelled, in order.
	calls     []*call
	submitted int64 // bytes
	// Requests that the server's handler will see.
	places int
	// How many of the handler's answers have certainly come.
	matched int
	// An event will look at the deadline.
	watching bool
	// When bytes came last.
	heard int64
	// When bytes left last.
	moved int64
	// The sending half closes once all is sent.
	finishing bool
	// What a script calls the answer to AUTH, if that was refused.
	turnedAway string
}

// submit hands a call to the engine and sends what there is room for.
func (e *clientEnd) submit(k *call) error {
	w := e.c.w
	if err := e.engine.Submit(w.now, &k.Call); err != nil {
		return err
	}
	e.calls = append(e.calls, k)
	if k.looked == nil {
		w.pending++
	}
	k.began = w.now
	k.place = -1
	if !k.refusable {
		k.place = e.places
		e.places++
	}
	e.submitted += requestSize(&k.Request)
	if aim := k.action.Aim; aim.On && !k.later() {
		key := string(k.Request.Key)
		e.conn.up.aims = append(e.conn.up.aims, aimAt(e.conn.node, e.submitted, key, int64(aim.Offset)))
	}
	e.drained()
	e.watch()
	e.expectEnd(k)
	return nil
}

// expectEnd demands that a call ends, one way or the other, when the server has
// been silent for the agreed time.
func (e *clientEnd) expectEnd(k *call) {
	w, silence := e.c.w, int64(e.c.w.script.Config.Deadline)
	if silence == 0 {
		return
	}
	began := k.began
	w.events.push(w.now+silence+1, rankOverdue, e.c.index, func() {
		if !e.conn.gone && len(e.calls) > 0 && e.calls[0] == k && k.began == began && max(e.heard, e.moved) <= began {
			w.violate(RuleLiveness, "%v: the server has been silent for %v and the client has not noticed", k.action, w.script.Config.Deadline)
		}
	})
}

// aimAt makes the request that ends at an offset of the stream arrive when key
// expires.
func aimAt(s *node, end int64, key string, offset int64) aim {
	return aim{end, func() (int64, bool) {
		if s.down {
			return 0, false
		}
		_, expiry, ok := s.model.Look([]byte(key))
		if !ok || expiry == 0 || expiry+offset < s.cache.Now() || expiry > farFuture {
			return 0, false
		}
		return s.worldTime(expiry + offset), true
	}}
}

// drained sends what there is room for.
func (e *clientEnd) drained() {
	if e.conn.gone || e.c.corked || e.conn.up.room() <= 0 {
		return
	}
	if out := e.engine.Outgoing(); len(out) > 0 {
		n := e.conn.up.send(out)
		e.engine.Sent(n, e.c.w.now)
		if n > 0 {
			e.moved = e.c.w.now
		}
	}
	if e.finishing && len(e.engine.Outgoing()) == 0 {
		e.conn.up.close()
	}
}

// receive gives bytes to the engine.
func (e *clientEnd) receive(b []byte) int {
	for rest := b; len(rest) > 0; {
		n := copy(e.engine.Buffer(), rest)
		rest = rest[n:]
		e.heard = e.c.w.now
		err := e.engine.Received(n, e.c.w.now)
		e.complete()
		if err != nil {
			if w := e.c.w; !w.corrupt && w.server.liar == nil && !w.strangers {
				w.violate(RulePairing, "c%d's engine: %v", e.c.index, err)
			}
			e.c.w.cover(StateLieCaught)
			e.conn.shut(err)
			break
		}
	}
	return len(b)
}

// noise is what a receive buffer is overwritten with.
var noise = [512]byte{0: 0xDB, 511: 0xDB}

// complete finishes the calls that the engine has completed.
func (e *clientEnd) complete() {
	w := e.c.w
	w.completed = e.engine.Completed(w.completed[:0])
	if len(w.completed) > 0 {
		// A waiting caller may read its answer only after more bytes have arrived.
		b := e.engine.Buffer()
		copy(b[:min(len(b), len(noise))], noise[:])
	}
	for _, done := range w.completed {
		k := e.calls[0]
		if done != &k.Call {
			w.violate(RulePairing, "c%d's calls complete out of order", e.c.index)
			return
		}
		e.calls = e.calls[1:]
		if k.looked == nil {
			w.pending--
		}
		well := w.failure == nil
		e.noteAnswer(k)
		e.tellRing(k)
		if k.looked != nil {
			k.looked(k.Err == nil && k.Response.Status == wire.OK)
		} else if k.Err != nil {
			e.failed(k)
		} else {
			e.answered(k)
		}
		if well && w.failure != nil {
			w.noteBroken(k, e.c.index)
		}
	}
	e.c.resume(e)
}

// failed finishes a call that got no answer.
func (e *clientEnd) failed(k *call) {
	w := e.c.w
	switch {
	case e.conn.server.overLimit && e.turnedAway != "":
		// the product waits for the answer to AUTH, and says that
		k.finish(e.c, oracle.Void, e.turnedAway)
	case e.conn.server.turnedAway:
		k.finish(e.c, oracle.Void, unsentAs(k.action.Verb))
	case k.lock != nil && k.Request.Command == wire.GetV, k.action.Verb == script.Touch && k.Request.Command == wire.GetV:
		// nothing has been changed yet
		k.finish(e.c, oracle.Void, script.WantLost)
	case k.MaybeApplied:
		w.cover(StateMaybe)
		k.uncertain()
		k.finish(e.c, oracle.Unknown, script.WantLost)
	case k.place >= 0 && k.place < len(e.conn.server.answers) && !w.corrupt && w.script.Config.InFlight == 0:
		w.violate(RuleUnsent, "%v was executed, its call says that it was not", k.action)
	case readsOnly(k.action.Verb):
		// a client does not say which; it is all the same
		k.finish(e.c, oracle.Void, script.WantLost)
	default:
		w.cover(StateUnsent)
		k.finish(e.c, oracle.Void, script.WantUnsent)
	}
}

// unsentAs is what a script calls the end of a call that was not sent: where nothing can
// be changed, a client does not say whether it was.
func unsentAs(v script.Verb) string {
	if readsOnly(v) || v == script.Touch {
		return script.WantLost
	}
	return script.WantUnsent
}

// readsOnly reports whether a verb changes nothing.
func readsOnly(v script.Verb) bool { return v == script.Get || v == script.GetV || v == script.Ping }

// cancel gives up the latest call.
func (e *clientEnd) cancel() {
	if len(e.calls) == 0 {
		return
	}
	w, last := e.c.w, len(e.calls)-1
	k := e.calls[last]
	if k.looked != nil {
		return
	}
	e.calls = e.calls[:last]
	w.pending--
	w.cover(StateCancelled)
	if last == 0 {
		w.cover(StateCancelHead)
	}
	if !e.engine.Cancel(&k.Call) {
		w.violate(RulePairing, "%v cannot be cancelled, and has no answer", k.action)
	}
	k.finish(e.c, oracle.Unknown, script.WantUnanswered)
}

// finish closes the sending half behind what is to be sent. The client's next
// call opens another connection.
func (e *clientEnd) finish() {
	e.finishing = true
	e.c.ends[e.slot] = nil
	e.drained()
}

// ended is told that the server sends no more. After a half-close every call
// must have its answer.
func (e *clientEnd) ended() {
	w := e.c.w
	if len(e.calls) > 0 && !w.corrupt && w.server.liar == nil && !e.conn.server.over {
		w.violate(RuleLiveness, "the server has closed c%d's connection; calls without an answer: %d", e.c.index, len(e.calls))
	}
	e.conn.shut(io.EOF)
}

// lost fails everything that is unanswered.
func (e *clientEnd) lost(err error) {
	if len(e.calls) > 0 {
		e.c.w.cover(StateCutPending)
	}
	e.noteLost()
	for _, k := range e.c.waiting[e.slot] {
		e.c.w.pending--
		k.finish(e.c, oracle.Void, script.WantUnsent)
	}
	e.c.waiting[e.slot] = nil
	e.engine.Fail(err)
	e.complete()
	if e.c.ends[e.slot] == e {
		e.c.ends[e.slot] = nil
	}
}

// watch sees to it that a silent server is noticed.
func (e *clientEnd) watch() {
	if e.watching {
		return
	}
	if deadline, ok := e.engine.Deadline(); ok {
		e.watching = true
		e.c.w.events.push(deadline, rankDeadline, e.c.index, e.deadline)
	}
}

func (e *clientEnd) deadline() {
	e.watching = false
	if e.conn.gone {
		return
	}
	if e.engine.Overdue(e.c.w.now) != nil {
		e.c.w.cover(StateDeadline)
		e.c.w.note(e.c.index, Fault, "the server is silent, connection closed")
		e.conn.shut(errDeadline)
		return
	}
	e.watch()
}
