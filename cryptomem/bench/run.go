package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// An Option changes how Run goes about its work, not what it measures.
type Option func(*run)

// WithProgress has f called about once an interval, from Run's goroutine, with
// what happened in it.
func WithProgress(interval time.Duration, f func(Progress)) Option {
	return func(r *run) { r.interval, r.progress = interval, f }
}

// WithServerCPU has cpu read at the begin and the end of what is measured, for
// the result to tell the CPU time of a request. See ProcessCPU.
func WithServerCPU(cpu func() (time.Duration, error)) Option {
	return func(r *run) { r.cpu = cpu }
}

// Run puts the load on the target and reports what it measured. It ends early,
// with an error, when ctx does, when the target cannot be reached, and when a
// connection breaks.
func Run(ctx context.Context, clk clock.Clock, t Target, l Load, opts ...Option) (*Result, error) {
	l, err := l.withDefaults()
	if err != nil {
		return nil, err
	}
	lanes, batch := t.workers(&l)
	if lanes > MaxWorkers {
		return nil, &LoadError{"connections × depth", fmt.Sprintf("is %d, limit %d", lanes, MaxWorkers)}
	}
	r := &run{clk: clk, load: l, batch: batch, total: newTally(), warm: l.Warmup.Nanoseconds()}
	r.end = r.warm + l.Duration.Nanoseconds()
	for _, opt := range opts {
		opt(r)
	}
	if l.Rate > 0 {
		r.schedule = newSchedule(l.Rate, r.end)
	}
	for range min(lanes, maxStripes) {
		r.recorders = append(r.recorders, &recorder{since: newTally()})
	}
	if err := r.open(ctx, t, lanes); err != nil {
		return nil, errors.Join(err, r.close())
	}
	if err := r.work(ctx); err != nil {
		return nil, errors.Join(err, r.close())
	}
	if err := r.close(); err != nil {
		return nil, err
	}
	return r.result(t), nil
}

// A run is one Run under way.
type run struct {
	clk  clock.Clock
	load Load
	// Requests that travel together.
	batch int
	// schedule is nil in a closed loop.
	schedule *schedule
	interval time.Duration
	progress func(Progress)
	cpu      func() (time.Duration, error)

	workers   []*worker
	recorders []*recorder
	start     time.Time
	// When measuring begins and ends, in nanoseconds since start.
	warm, end int64

	total   *tally
	cpuUsed time.Duration
}

func (r *run) now() int64 { return int64(r.clk.Since(r.start)) }

// open connects all workers.
func (r *run) open(ctx context.Context, t Target, lanes int) error {
	value := newValue(r.load)
	for i := range lanes {
		w := &worker{run: r, work: newWorkload(r.load, i, value), recorder: r.recorders[i%len(r.recorders)], ops: make([]op, r.batch)}
		var err error
		if w.lane, err = t.open(ctx, w.work); err != nil {
			return err
		}
		r.workers = append(r.workers, w)
	}
	return nil
}

func (r *run) close() error {
	var errs []error
	for _, w := range r.workers {
		if !w.broken {
			errs = append(errs, w.lane.Close())
		}
	}
	return errors.Join(errs...)
}

// each runs f for every worker at once, and waits for all. The first error
// ends the others.
func (r *run) each(ctx context.Context, f func(context.Context, int, *worker) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	for i, w := range r.workers {
		workers.Go(func() {
			// A lane that waits for an answer notices nothing else.
			stop := context.AfterFunc(ctx, func() { _ = w.lane.Close() })
			if err := f(ctx, i, w); err != nil {
				cancel(err)
			}
			w.broken = !stop()
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// work stores the keys, if that is asked for, and then puts the load on.
func (r *run) work(ctx context.Context) error {
	if r.load.Fill {
		if err := r.fill(ctx); err != nil {
			return fmt.Errorf("store the keys: %w", err)
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.start = r.clk.Now()
	overdue := r.clk.AfterFunc(time.Duration(r.end)+r.load.Patience, func() { cancel(errPatience) })
	defer overdue.Stop()

	done := make(chan struct{})
	watch, err := r.watch()
	if err != nil {
		return err
	}
	watched := make(chan error, 1)
	go func() { watched <- watch(done) }()
	err = r.each(ctx, func(ctx context.Context, _ int, w *worker) error { return w.serve(ctx) })
	close(done)
	if errors.Is(err, errPatience) {
		// the result says how many answers are missing
		err = nil
	}
	err = errors.Join(err, <-watched)
	drain(r.recorders, r.total)
	return err
}

// watch returns what follows the run until done is closed, its timers armed.
func (r *run) watch() (func(done <-chan struct{}) error, error) {
	before, err := r.readCPU()
	if err != nil {
		return nil, err
	}
	warm := r.clk.Timer(time.Duration(max(r.warm, 1)))
	var ticks <-chan time.Time
	stop := func() {}
	if r.progress != nil {
		ticker := r.clk.Ticker(r.interval)
		ticks, stop = ticker.C, ticker.Stop
	}
	return func(done <-chan struct{}) (err error) {
		defer warm.Stop()
		defer stop()
		span := newTally()
		for {
			select {
			case <-warm.C:
				if before, err = r.readCPU(); err != nil {
					return err
				}
			case <-ticks:
				drain(r.recorders, span)
				r.progress(r.progressOf(span))
				r.total.add(span)
				span.reset()
			case <-done:
				after, err := r.readCPU()
				r.cpuUsed = after - before
				return err
			}
		}
	}, nil
}

func (r *run) readCPU() (time.Duration, error) {
	if r.cpu == nil {
		return 0, nil
	}
	return r.cpu()
}

var errPatience = errors.New("answers did not come in time")

// fill stores the keys. It gives up when an answer takes longer than the load's patience.
func (r *run) fill(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	giveUp := func() { cancel(errPatience) }
	return r.each(ctx, func(ctx context.Context, i int, w *worker) error { return r.fillShare(ctx, giveUp, i, w) })
}

// fillShare has the i-th worker store its share of the keys.
func (r *run) fillShare(ctx context.Context, giveUp func(), i int, w *worker) error {
	// of values in a batch: together with what is around them they fit a record of
	// TLS, and memcached may leave alone what comes in the next one
	const bytes = 8 << 10
	ops := make([]op, min(64, 1+bytes/(1+r.load.ValueSize)))
	for key := i; key < r.load.Keys; {
		n := 0
		for ; n < len(ops) && key < r.load.Keys; n++ {
			ops[n] = op{command: wire.Set, key: key}
			key += len(r.workers)
		}
		overdue := r.clk.AfterFunc(r.load.Patience, giveUp)
		err := w.lane.do(ctx, ops[:n], func(int) {})
		overdue.Stop()
		if err != nil {
			return err
		}
		for j := range ops[:n] {
			if ops[j].err != nil {
				return ops[j].err
			}
		}
	}
	return nil
}
