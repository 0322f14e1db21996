package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/benbjohnson/clock"
)

// A worker keeps one lane busy.
type worker struct {
	run      *run
	lane     lane
	work     *workload
	recorder *recorder
	ops      []op
	timer    *clock.Timer
	// The lane is closed already.
	broken bool
}

// serve sends requests and waits for their answers until the time is over.
func (w *worker) serve(ctx context.Context) error {
	for {
		ops := w.next(ctx)
		if len(ops) == 0 {
			return nil
		}
		sent := w.run.now()
		err := w.lane.do(ctx, ops, func(n int) {
			w.record(ops[:n], sent)
			ops = ops[n:]
		})
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			w.lost(ops, err)
			return err
		}
	}
}

// next draws the next ops to send, and waits until they are due. It returns
// none when the time is over.
func (w *worker) next(ctx context.Context) []op {
	now := w.run.now()
	if w.run.schedule == nil {
		if now >= w.run.end || ctx.Err() != nil {
			return nil
		}
		for i := range w.ops {
			w.work.draw(&w.ops[i])
			w.ops[i].due = now
		}
		return w.ops
	}
	first, n := w.run.schedule.claim(now, len(w.ops))
	ops := w.ops[:n]
	for i := range ops {
		w.work.draw(&ops[i])
		ops[i].due = w.run.schedule.at(first + int64(i))
	}
	if n > 0 && !w.wait(ctx, ops[0].due-now) {
		w.lost(ops, context.Cause(ctx))
		return nil
	}
	return ops
}

// wait waits for so many nanoseconds, and reports false if ctx ends first.
func (w *worker) wait(ctx context.Context, ns int64) bool {
	if ns <= 0 {
		return ctx.Err() == nil
	}
	if w.timer == nil {
		w.timer = w.run.clk.Timer(time.Duration(ns))
	} else {
		// fired and drained, or it would not be here
		w.timer.Reset(time.Duration(ns))
	}
	select {
	case <-w.timer.C:
		return true
	case <-ctx.Done():
		w.timer.Stop()
		return false
	}
}

// record notes answered ops, except those of the warm-up.
func (w *worker) record(ops []op, sent int64) {
	now := w.run.now()
	for len(ops) > 0 && ops[0].due < w.run.warm {
		ops = ops[1:]
	}
	w.recorder.mu.Lock()
	w.recorder.since.record(ops, sent, now)
	w.recorder.mu.Unlock()
}

// lost notes ops that have no answer.
func (w *worker) lost(ops []op, err error) {
	w.recorder.mu.Lock()
	defer w.recorder.mu.Unlock()
	for i := range ops {
		if ops[i].err == nil {
			ops[i].err = fmt.Errorf("no answer: %w", err)
		}
		w.recorder.since.note(&ops[i])
	}
}
