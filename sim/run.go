package sim

import (
	"fmt"
	"time"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// Rules that the simulator itself looks after; the others are the oracles'.
const (
	RulePairing  = "pairing"  // a client got another answer than its request did
	RuleUnsent   = "unsent"   // a request was executed whose call said that it was not
	RuleLiveness = "liveness" // with all faults over, a call stays unanswered
	RuleMemory   = "memory"   // the store holds more than it may, or what has expired
	RuleExpect   = "expect"   // a script's own demand is not met
	RuleRefusal  = "refusal"  // the product refused what it had no reason to refuse
	RulePanic    = "panic"    // the product panicked
)

// Options say how to run a script.
type Options struct {
	// Record keeps every event, for a report. It costs time.
	Record bool
	// NoHistory leaves out the oracles that see a run from outside, and with
	// them what they cost.
	NoHistory bool
	// Answers keeps the result of every call.
	Answers bool
	// Shell runs the server of tier 2 with its own accepting, polling and ending, on
	// a simulated kernel. It needs Linux, and a script that is not for pipes only.
	Shell bool
}

// A Result is the result of a run.
type Result struct {
	// Hash of everything that happened, in order.
	Hash uint64
	// Requests that were executed.
	Ops      int
	Coverage Coverage
	// Nil if every promise was kept.
	Failure *Failure
	// Nil unless recorded.
	Trace *Trace

	// OwnReads is how often callers that were alone have read their own answers, on
	// tier 2, and LateReads how often they left one to their client's goroutine.
	OwnReads, LateReads int

	// Answers is what came of each call of the script, in the words that a script
	// has for it; nil unless asked for.
	Answers map[*script.Action]string
}

// A Failure is a promise that was broken, and where.
type Failure struct {
	Rule   string
	Detail string
	// How many actions had begun.
	Step int
	// At of virtual time.
	At time.Duration
}

// Error returns the rule, the place and the detail.
func (f *Failure) Error() string {
	return fmt.Sprintf("%s broken at step %d, %v: %s", f.Rule, f.Step, f.At, f.Detail)
}

// Run runs a script on tier 1. The same script gives the same result, always.
func Run(s *script.Script, o Options) *Result {
	w := newWorld(s, o)
	w.live()
	r := &Result{Hash: w.hash, Ops: w.executed, Coverage: w.coverage, Failure: w.failure, Trace: w.trace, Answers: w.answers}
	if w.trace != nil {
		w.trace.finish(w)
	}
	return r
}

// live is a world's whole life.
func (w *world) live() {
	defer w.recovered()
	w.play()
	w.conclude()
}

// recovered makes a panic of the product a promise that it has broken.
func (w *world) recovered() {
	if reason := recover(); reason != nil {
		w.violate(RulePanic, "%v", reason)
	}
}

// conclude ends the run and judges it.
func (w *world) conclude() {
	defer w.recovered()
	w.heal()
	w.judge()
	for _, s := range w.servers {
		s.close()
	}
}

// Minimize returns the smallest script it finds that breaks the same rule as
// s does, in at most limit runs.
func Minimize(s *script.Script, limit int) *script.Script {
	first := Run(s, Options{}).Failure
	if first == nil {
		return s
	}
	return script.Minimize(s, limit, func(c *script.Script) bool {
		f := Run(c, Options{}).Failure
		return f != nil && f.Rule == first.Rule
	})
}

// judge asks the oracles that look at the whole run.
func (w *world) judge() {
	if w.failure != nil || w.script.Config.Hostile || w.corrupt || w.strangers || w.options.NoHistory {
		return
	}
	if v := w.locks.Judge(); v != nil {
		w.fail(v)
		return
	}
	w.loads.Quiet, w.loads.End = isQuiet(w.script), int64(w.script.Ends())
	if v := w.loads.Judge(w.history); v != nil {
		w.fail(v)
		return
	}
	w.loads.Torn = !w.loads.Quiet || len(w.eras) > 0
	for _, era := range append(w.eras, w.history) {
		w.judgeEra(w.loads.History(era))
	}
}

// judgeEra judges the calls between two starts of a server from what it had saved.
func (w *world) judgeEra(history []oracle.Op) {
	for _, ops := range oracle.ByKey(history) {
		v := oracle.Zones(ops)
		if v == nil && oracle.Tractable(ops) {
			v = oracle.Linearizable(ops, w.script.Config.Evict || len(w.servers) > 1)
			w.cover(StateSearched)
		}
		if v != nil {
			w.fail(v)
			return
		}
	}
}
