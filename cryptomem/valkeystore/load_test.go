package valkeystore_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// deadline is what each call under load is given.
const deadline = 300 * time.Millisecond

// A load is goroutines that set and get names of their own, and what they saw. A
// value is a name and a number that only grows.
type load struct {
	store  cryptomem.Store
	clock  clock.Clock
	names  string // what names begin with
	stop   chan struct{}
	ended  sync.WaitGroup
	halted sync.Once
	done   atomic.Int64 // calls that were answered

	mu      sync.Mutex // guards what follows
	history []oracle.Op
	errors  map[string]int
	wrong   []string
	longest int64 // call, in nanoseconds
}

// startLoad runs workers on names in groups of perWorker.
func startLoad(store cryptomem.Store, workers, perWorker int) *load {
	return startLoadOn(store, "w", workers, perWorker)
}

func startLoadOn(store cryptomem.Store, names string, workers, perWorker int) *load {
	l := &load{store: store, clock: clock.New(), names: names, stop: make(chan struct{}), errors: make(map[string]int)}
	for w := range workers {
		l.ended.Go(func() { l.work(w, perWorker) })
	}
	DeferCleanup(l.halt)
	return l
}

func (l *load) now() int64 { return l.clock.Now().UnixNano() }

func (l *load) halt() {
	l.halted.Do(func() { close(l.stop) })
	l.ended.Wait()
}

// end stops the load and returns what it saw.
func (l *load) end() []oracle.Op {
	l.halt()
	l.mu.Lock()
	defer l.mu.Unlock()
	AddReportEntry("errors under load", fmt.Sprint(l.done.Load(), " answered; longest call ", time.Duration(l.longest), "; ", l.errors))
	Expect(l.wrong).To(BeEmpty())
	return l.history
}

func (l *load) work(worker, names int) {
	for n := 1; ; n++ {
		select {
		case <-l.stop:
			return
		default:
		}
		name := fmt.Sprintf("%s%d/%d", l.names, worker, n%names)
		if n%3 == 0 {
			l.set(worker, name, n)
		} else {
			l.get(worker, name)
		}
	}
}

func (l *load) set(worker int, name string, n int) {
	label := name + "#" + strconv.Itoa(n)
	r := &cryptomem.Request{Command: wire.Set, Name: []byte(name), Sealer: sealFunc(func(r *cryptomem.Request) (err error) {
		r.Value, err = sealer.Seal(nil, r.Name, []byte(label), time.Time{}, 0)
		return err
	})}
	l.do(oracle.Op{Client: worker + 1, Verb: script.Set, Key: name, Label: label}, r)
}

func (l *load) get(worker int, name string) {
	r := &cryptomem.Request{Command: wire.Get, Name: []byte(name)}
	l.do(oracle.Op{Client: worker + 1, Verb: script.Get, Key: name}, r)
}

func (l *load) do(o oracle.Op, r *cryptomem.Request) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	o.Call = l.now()
	err := l.store.Do(ctx, r)
	end := l.now()
	o.Return = end
	var wrong string
	switch {
	case err == nil && o.Verb == script.Get:
		value, e := sealer.Open(nil, r.Name, r.Answer, time.Unix(2e9, 0))
		if e != nil {
			wrong = e.Error()
		}
		o.Outcome, o.Seen = oracle.Done, string(value)
	case err == nil:
		o.Outcome = oracle.Done
	case errors.Is(err, cryptomem.ErrNotFound):
		o.Outcome = oracle.Miss
	case errors.Is(err, cryptomem.ErrMaybeApplied):
		o.Outcome, o.Return = oracle.Unknown, oracle.Never
	case errors.Is(err, cryptomem.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		o.Outcome = oracle.Void
	default:
		wrong = "an error without a name: " + err.Error()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.history = append(l.history, o)
	l.longest = max(l.longest, end-o.Call)
	if wrong != "" {
		l.wrong = append(l.wrong, o.String()+": "+wrong)
	}
	if err == nil || o.Outcome == oracle.Miss {
		l.done.Add(1)
	} else {
		l.errors[kind(err)]++
	}
}

// kind is an error in a few words.
func kind(err error) string {
	message := err.Error()
	for _, noise := range []string{cryptomem.ErrUnavailable.Error() + ": ", " (", "127.0.0.1"} {
		if before, after, ok := strings.Cut(message, noise); ok {
			message = cmp.Or(before, after)
		}
	}
	return message
}

// answered waits until that many more calls were answered.
func (l *load) answered(n int64) {
	GinkgoHelper()
	from := l.done.Load()
	Eventually(l.done.Load).WithTimeout(testTimeout).Should(BeNumerically(">=", from+n))
}

// linearizable expects every name's history to be that of one place in which
// operations take effect at a moment between call and return.
func linearizable(history []oracle.Op) {
	GinkgoHelper()
	for _, ops := range oracle.ByKey(history) {
		Expect(violation(oracle.Zones(ops))).To(BeEmpty())
		if oracle.Tractable(ops) {
			Expect(violation(oracle.Linearizable(ops, false))).To(BeEmpty())
		}
	}
}

func violation(v *oracle.Violation) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// linearizableBut is linearizable for a history in which a node was lost between
// two moments, and with it what its replica had not heard of: before and after,
// each by itself, nothing is wrong, and after it any value of before may be there.
// It returns how many acknowledged writes were lost.
func linearizableBut(history []oracle.Op, from, to int64) (lost int) {
	GinkgoHelper()
	for _, ops := range oracle.ByKey(history) {
		var before, after []oracle.Op
		for _, o := range ops {
			perhaps := o
			perhaps.Outcome, perhaps.Return = oracle.Unknown, oracle.Never
			switch {
			case o.Return <= from:
				before = append(before, o)
			case o.Call >= to:
				after = append(after, o)
				continue
			case o.Label != "" && o.Call <= from:
				before = append(before, perhaps)
			}
			if o.Label != "" {
				after = append(after, perhaps)
			}
		}
		Expect(violation(oracle.Zones(before))).To(BeEmpty())
		Expect(violation(oracle.Zones(after))).To(BeEmpty())
		lost += lostWrites(before, after)
	}
	return lost
}

// lostWrites counts the acknowledged writes of before that are younger than the
// first value seen after.
func lostWrites(before, after []oracle.Op) (lost int) {
	for _, o := range after {
		if o.Outcome == oracle.Unknown {
			continue
		}
		if o.Verb == script.Set {
			return 0 // overwritten before any read
		}
		for _, w := range before {
			if w.Verb == script.Set && w.Outcome == oracle.Done && number(w.Label) > number(o.Seen) {
				lost++
			}
		}
		return lost
	}
	return 0
}

func number(label string) int {
	_, digits, _ := strings.Cut(label, "#")
	n, _ := strconv.Atoi(digits)
	return n
}
