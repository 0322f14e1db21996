package sim

import (
	"fmt"
	"time"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A Trace is everything that happened in a run, for people to look at.
type Trace struct {
	Lanes []Lane
	// Marks in order of time.
	Marks []Mark
	// Calls in order of their beginning.
	Calls []TraceCall
	Ends  time.Duration
}

// A Lane is a participant.
type Lane struct {
	Name string
	ID   int
}

// A Mark is something at one instant.
type Mark struct {
	At time.Duration
	// Its Lane's ID; 0 is the server.
	Lane int
	Kind MarkKind
	Text string
}

// A MarkKind is a class of marks.
type MarkKind uint8

// The kinds of marks.
const (
	Info     MarkKind = iota
	Executed          // the server executed a request
	Fault             // something went wrong, on purpose
	Broken            // a rule was broken
)

// A TraceCall is a call from its beginning to its end.
type TraceCall struct {
	Lane     int
	From, To time.Duration
	Text     string
	// Empty if the run ended before it did.
	Outcome string
	// Its end broke a rule.
	Broke bool
}

// note keeps a mark if the run is recorded.
func (w *world) note(lane int, kind MarkKind, format string, args ...any) {
	if w.trace != nil {
		w.trace.Marks = append(w.trace.Marks, Mark{time.Duration(w.now), lane, kind, fmt.Sprintf(format, args...)})
	}
}

func (w *world) noteExecuted(lane int, r *wire.Request, a wire.Response) {
	if w.trace == nil {
		return
	}
	who := script.Actor{Kind: script.Client, Index: lane}
	if lane >= rawLane {
		who = script.Actor{Kind: script.Raw, Index: lane - rawLane}
	}
	text := fmt.Sprintf("%v %s %q", who, r.Command, r.Key)
	if r.TTL != 0 {
		text += " ttl " + r.TTL.String()
	}
	w.note(0, Executed, "%s → %v", text, a.Status)
}

// noteCall keeps a call that begins.
func (w *world) noteCall(k *call, lane int) {
	if w.trace != nil {
		k.traced = len(w.trace.Calls)
		w.trace.Calls = append(w.trace.Calls, TraceCall{Lane: lane, From: time.Duration(w.now), Text: k.action.String()})
	}
}

// noteEnd keeps how a call ended.
func (w *world) noteEnd(k *call, outcome string) {
	if w.trace != nil {
		t := &w.trace.Calls[k.traced]
		t.To, t.Outcome = time.Duration(w.now), outcome
	}
}

// noteBroken keeps that the end of a call broke a rule.
func (w *world) noteBroken(k *call, lane int) {
	if w.trace == nil {
		return
	}
	t := &w.trace.Calls[k.traced]
	if t.Broke = true; t.Outcome == "" {
		w.noteEnd(k, "not what it may")
	}
	// the verdict's
	w.trace.Marks[len(w.trace.Marks)-1].Lane = lane
}

// finish completes a trace when the run is over.
func (t *Trace) finish(w *world) {
	t.end(time.Duration(w.now))
	t.Lanes = append(t.Lanes, Lane{"server", 0})
	for _, c := range w.clients {
		t.Lanes = append(t.Lanes, Lane{fmt.Sprintf("c%d", c.index), c.index})
	}
	for _, r := range w.raws {
		t.Lanes = append(t.Lanes, Lane{fmt.Sprintf("raw%d", r.index), rawLane + r.index})
	}
}

// note keeps a mark if the run is recorded. It requires b.mu.
func (b *bubble) note(lane int, kind MarkKind, text string) {
	if b.trace != nil {
		b.trace.Marks = append(b.trace.Marks, Mark{b.elapsed(), lane, kind, text})
	}
}

// noteCall keeps a call that begins, and returns its place in the trace.
func (b *bubble) noteCall(lane int, a *script.Action) int {
	if b.trace == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trace.Calls = append(b.trace.Calls, TraceCall{Lane: lane, From: b.elapsed(), Text: a.String()})
	return len(b.trace.Calls) - 1
}

// noteEnd keeps how a call ended, and whether that broke a rule. It requires
// b.mu.
func (b *bubble) noteEnd(traced int, outcome string, broke bool) {
	if b.trace != nil {
		t := &b.trace.Calls[traced]
		t.To, t.Outcome, t.Broke = b.elapsed(), outcome, broke
	}
}

// end closes a trace: calls that have not ended last until then.
func (t *Trace) end(now time.Duration) {
	t.Ends = now
	for i := range t.Calls {
		if c := &t.Calls[i]; c.Outcome == "" {
			c.To = now
		}
	}
}

// fail ends the run with a broken rule. Only the first counts.
func (w *world) fail(v *oracle.Violation) {
	if w.failure != nil {
		return
	}
	w.failure = &Failure{Rule: v.Rule, Detail: v.Detail, Step: w.step, At: time.Duration(w.now)}
	w.note(0, Broken, "%s: %s", v.Rule, v.Detail)
}

func (w *world) violate(rule, format string, args ...any) {
	w.fail(&oracle.Violation{Rule: rule, Detail: fmt.Sprintf(format, args...)})
}

// mix adds to the hash of the run.
func (w *world) mix(x uint64) { w.hash = script.Draw(w.hash, x, uint64(w.now)) }

func (w *world) mixBytes(key uint64, b []byte) {
	w.hash = script.Draw(w.hash, key, hashBytes(uint64(w.now), b))
}

// hashBytes is FNV-1a, eight bytes at a step.
func hashBytes(h uint64, b []byte) uint64 {
	const prime = 1099511628211
	for ; len(b) >= 8; b = b[8:] {
		h = (h ^ (uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56)) * prime
		h ^= h >> 29
	}
	for _, c := range b {
		h = (h ^ uint64(c)) * prime
	}
	return h ^ h>>32
}
