package bench

import (
	"sync"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// Range and precision of histograms, in nanoseconds. What is outside is
// counted at the bound.
const (
	shortest  = 100
	longest   = 10 * 60 * 1_000_000_000
	precision = 3 // significant digits
)

// maxStripes bounds the recorders of a run, each of which has a few hundred
// KiB of histograms.
const maxStripes = 16

// counts is what became of requests.
type counts struct {
	gets, sets, misses, failed uint64
	firstErr                   error
}

func (c *counts) add(o *counts) {
	c.gets += o.gets
	c.sets += o.sets
	c.misses += o.misses
	c.failed += o.failed
	if c.firstErr == nil {
		c.firstErr = o.firstErr
	}
}

// A tally is what was measured in some span of time.
type tally struct {
	counts
	// get and set count latencies from due to answered.
	get, set *hdrhistogram.Histogram
	// wait from due to sent.
	wait *hdrhistogram.Histogram
	// last is when the last answer came.
	last int64
	// Proper ones, in each moment of the run.
	answers []uint32
}

func newTally() *tally {
	histogram := func() *hdrhistogram.Histogram { return hdrhistogram.New(shortest, longest, precision) }
	return &tally{get: histogram(), set: histogram(), wait: histogram()}
}

func (t *tally) add(o *tally) {
	t.counts.add(&o.counts)
	// of one geometry: nothing is dropped
	t.get.Merge(o.get)
	t.set.Merge(o.set)
	t.wait.Merge(o.wait)
	t.last = max(t.last, o.last)
	for i, n := range o.answers {
		t.at(i, n)
	}
}

// moment is the unit of Result.Timeline, in nanoseconds.
const moment = 100_000_000

// at counts n answers in the i-th moment.
func (t *tally) at(i int, n uint32) {
	for len(t.answers) <= i {
		t.answers = append(t.answers, 0)
	}
	t.answers[i] += n
}

func (t *tally) reset() {
	t.counts = counts{}
	t.get.Reset()
	t.set.Reset()
	t.wait.Reset()
	clear(t.answers)
}

// all returns the latencies of all requests.
func (t *tally) all() *hdrhistogram.Histogram {
	h := hdrhistogram.New(shortest, longest, precision)
	h.Merge(t.get)
	h.Merge(t.set)
	return h
}

// record notes the ops that were sent at one instant and answered at another.
func (t *tally) record(ops []op, sent, answered int64) {
	for i := range ops {
		o := &ops[i]
		t.note(o)
		if o.err == nil {
			h := t.get
			if o.command == wire.Set {
				h = t.set
			}
			observe(h, answered-o.due)
			observe(t.wait, sent-o.due)
			t.at(int(answered/moment), 1)
		}
	}
	t.last = max(t.last, answered)
}

// note counts the op without its latency.
func (t *tally) note(o *op) {
	switch {
	case o.err != nil:
		t.failed++
		if t.firstErr == nil {
			t.firstErr = o.err
		}
	case o.command == wire.Set:
		t.sets++
	default:
		t.gets++
		if o.answer == Missing {
			t.misses++
		}
	}
}

func observe(h *hdrhistogram.Histogram, ns int64) {
	// it only fails outside these bounds
	_ = h.RecordValue(min(max(ns, shortest), longest))
}

// A recorder collects what some workers measure until it is drained.
type recorder struct {
	mu sync.Mutex
	// Guarded by mu: what was measured since the last drain.
	since *tally
}

// drain moves what recorders hold into into, and returns it.
func drain(recorders []*recorder, into *tally) *tally {
	for _, r := range recorders {
		r.mu.Lock()
		into.add(r.since)
		r.since.reset()
		r.mu.Unlock()
	}
	return into
}
