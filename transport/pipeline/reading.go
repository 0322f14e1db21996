package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/Zezezknight/cryptomem/transport/socket"
)

// reading is the receiving side of a Conn. One party at a time reads, or none:
//
//	the goroutine ──► no reader      the last of a row of lone calls has been answered
//	no reader ──► a caller           that is alone: it writes, and reads its own answer
//	a caller ──► no reader           its answer has arrived, and no other call is in flight
//	a caller ──► the goroutine       others have joined, or the answer takes longer
//	no reader ──► the goroutine      several calls are submitted at once, or the stream ends
//
// A lone caller that reads for itself saves parking and waking two goroutines, which
// costs more than the rest of the call. With several callers, one goroutine that
// reads for all of them and rarely has to stop is cheaper.
type reading struct {
	by party
	// own is the place after the call of the caller that reads.
	own uint64
	// row counts the calls, one after the other, that found no other call in flight.
	row int
	// enough is the row after which the next caller reads its own answer.
	enough int
	// stirs is set when the goroutine saw news on the stream while another party read.
	stirs bool
	// buffer is the engine's, for the party that reads.
	buffer []byte
}

type party uint8

const (
	byGoroutine party = iota
	byNone
	byCaller
)

// borrow takes the reading side for a call that is about to be submitted and
// reports whether it may. It requires mu.
func (c *Conn) borrow() bool {
	r := &c.reading
	switch {
	case c.prompt == nil:
		return false
	case c.engine.InFlight() > 0 || !c.waiting.empty():
		r.row = 0
		return false
	}
	r.row++
	if r.by != byNone || c.failed {
		return false
	}
	r.by, r.own = byCaller, c.engine.next+1
	return true
}

// crowd notes that several calls are about to be submitted. It requires mu.
func (c *Conn) crowd() {
	c.reading.row = 0
	if c.reading.by == byNone {
		c.recall()
	}
}

// recall gives the reading side to the goroutine, which must not have it. It
// requires mu.
func (c *Conn) recall() {
	c.reading.by, c.reading.row = byGoroutine, 0
	c.prompt.Resume()
}

// pass decides which party reads after some answers, and reports whether it is the
// same as before. It requires mu.
func (c *Conn) pass() (same bool) {
	r := &c.reading
	switch {
	case r.row >= r.enough && c.engine.InFlight() == 0 && c.waiting.empty() && !r.stirs:
		if r.by == byGoroutine {
			c.prompt.Pause()
		} else {
			// The answer came in time.
			r.enough = socket.AloneFor
		}
		r.by = byNone
		return false
	case r.by == byCaller && c.engine.first >= r.own:
		c.recall()
		return false
	}
	return true
}

// readOwn reads until the caller's own answer has come, takes too long, or the context
// ends.
func (c *Conn) readOwn(ctx context.Context) {
	var few [8]*Call
	for same := true; same; {
		n, err := c.prompt.ReadWithin(c.reading.buffer, socket.LoneWait)
		late := errors.Is(err, os.ErrDeadlineExceeded)
		if !late {
			_, same = c.take(few[:0], n, err)
		}
		if same && (late || ctx.Err() != nil) {
			c.mu.Lock()
			c.reading.enough = min(2*c.reading.enough, socket.AloneForFar)
			c.recall()
			c.mu.Unlock()
			return
		}
	}
}

// readAnswers runs in the reading goroutine.
func (c *Conn) readAnswers() {
	var done []*Call
	for same := true; same || c.rest(); {
		n, err := c.nc.Read(c.reading.buffer)
		done, same = c.take(done[:0], n, err)
	}
}

// rest waits until it is the goroutine's turn to read. It reports false when the
// connection has failed.
func (c *Conn) rest() bool {
	for {
		c.mu.Lock()
		failed, by := c.failed, c.reading.by
		c.mu.Unlock()
		if failed || by == byGoroutine {
			return !failed
		}
		c.prompt.AwaitNews()
		c.mu.Lock()
		if c.reading.by != byGoroutine {
			c.reading.stirs = true
		}
		if c.reading.by == byNone {
			c.recall()
		}
		c.mu.Unlock()
	}
}

// take notes that n bytes have been read and completes the calls that they
// answer. It reports whether the same party goes on reading. done is scratch space:
// take appends the completed calls to it and returns it empty.
func (c *Conn) take(done []*Call, n int, err error) (_ []*Call, same bool) {
	if n > 0 {
		c.heard.Add(1)
	}
	c.mu.Lock()
	if n > 0 && !c.failed {
		violation := c.engine.Received(n, c.now())
		done = c.engine.Completed(done)
		c.reading.buffer = c.engine.Buffer()
		if violation != nil {
			err = violation
		} else if c.admit() && c.own() {
			c.wakeWriter()
		}
	}
	failed := c.failed
	same = !failed && (err != nil || c.pass())
	writes := same && err == nil && c.takeTurn(len(done))
	c.mu.Unlock()
	// Outside the lock, so that the callers do not wait for it when they wake up.
	for _, call := range done {
		call.done <- struct{}{}
	}
	clear(done)
	if writes {
		c.writeTurn()
	}
	switch {
	case failed || err == nil:
		return done, same
	case errors.Is(err, io.EOF):
		c.fail(fmt.Errorf("%w by the server: %w", ErrConnClosed, io.ErrUnexpectedEOF))
	default:
		c.fail(fmt.Errorf("read from server: %w", err))
	}
	return done, false
}
