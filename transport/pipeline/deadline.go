package pipeline

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Errors of calls and connections whose server takes too long.
var (
	ErrSilent = errors.New("server is silent")
	ErrSlow   = errors.New("server is too slow")
)

// sendProgress is how far the requests have been sent: a server owes no answer to a
// request that it cannot have yet.
type sendProgress struct {
	// submitted counts the bytes of all requests.
	submitted uint64
	// sent counts those that have been sent.
	sent uint64
	// lastSent is when bytes were last sent.
	lastSent int64
	// firstUnsent is the place of the first call whose request has not been sent whole.
	firstUnsent uint64
}

// noteSent notes that n more bytes have left.
func (e *Engine) noteSent(n int, now int64) {
	if n == 0 {
		return
	}
	d := &e.sendProgress
	d.sent += uint64(n)
	d.lastSent = now
	for d.firstUnsent = max(d.firstUnsent, e.first); d.firstUnsent < e.next && e.at(d.firstUnsent).end <= d.sent; d.firstUnsent++ {
		e.at(d.firstUnsent).left = now
	}
}

// Deadline returns the time at which Overdue has to be called; ok is false when
// no answer is awaited.
func (e *Engine) Deadline() (at int64, ok bool) {
	if e.InFlight() == 0 {
		return 0, false
	}
	silent, slow, call := e.deadlines()
	at = min(silent, slow, call)
	return at, at < math.MaxInt64
}

// deadlines returns when the connection counts as dead for silence, when for
// slowness, and when the next call has taken too long.
func (e *Engine) deadlines() (silent, slow, call int64) {
	head := e.at(e.first)
	call = math.MaxInt64
	if e.expired = max(e.expired, e.first); e.expired < e.next {
		call = after(e.at(e.expired).since, e.limits.Total)
	}
	return after(e.quiet(), e.limits.Silence), after(max(head.since, e.answered), e.limits.Total), call
}

// quiet returns since when the server has owed an answer without sending a byte.
// It requires that something is in flight.
func (e *Engine) quiet() int64 {
	head := e.at(e.first)
	if head.left == 0 {
		return max(head.since, e.lastSent, e.heard)
	}
	return max(head.left, e.heard)
}

// after returns the instant at which limit has passed since then, or never if there
// is no limit.
func after(since int64, limit time.Duration) int64 {
	if limit < 0 || since > math.MaxInt64-int64(limit) {
		return math.MaxInt64
	}
	return since + int64(limit)
}

// Overdue completes the calls that have taken too long, with ErrSlow; their answers are
// read and dropped like those of cancelled ones. An error, ErrSilent or ErrSlow, says
// that the connection has to be failed and closed.
func (e *Engine) Overdue(now int64) error {
	if e.err != nil || e.InFlight() == 0 {
		return nil
	}
	silent, slow, _ := e.deadlines()
	switch {
	case now >= silent:
		err := fmt.Errorf("%w: no byte for %v", ErrSilent, e.limits.Silence)
		if e.first == 0 {
			err = fmt.Errorf("%w, and no answer before; it may be slow, expect TLS, or not be a cryptomem server", err)
		}
		return err
	case now >= slow:
		return e.slow()
	}
	for ; e.expired < e.next && now >= after(e.at(e.expired).since, e.limits.Total); e.expired++ {
		if c := e.at(e.expired).call; c != nil && e.Cancel(c) {
			c.Err = e.slow()
			e.completed = append(e.completed, c)
		}
	}
	return nil
}

func (e *Engine) slow() error {
	return fmt.Errorf("%w: no whole answer for %v", ErrSlow, e.limits.Total)
}
