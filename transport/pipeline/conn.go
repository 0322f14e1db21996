package pipeline

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/transport/socket"
	"github.com/Zezezknight/cryptomem/transport/unsent"
)

// ErrConnClosed is the error of a connection that either side has closed.
var ErrConnClosed = errors.New("connection is closed")

// A Conn is the client side of one connection: an Engine behind a mutex, with
// a goroutine that reads and one that writes. It is safe for any number of
// goroutines, whose calls share writes: the first caller to find the outgoing
// side idle yields once, so that others can add their requests, and then
// writes for all of them. What might not fit the socket's buffers at once
// is left to the writing goroutine. A caller that is alone call after call also
// reads its own answers, see reading.
//
// A Conn does not reconnect: once broken, it fails every call with the reason.
// A server that shuts down answers what has reached it and then ends the stream;
// calls that it left unanswered fail with ErrConnClosed. There is no telling which of
// them never reached it, so those that were sent count as MaybeApplied.
type Conn struct {
	nc    net.Conn
	clk   clock.Clock
	start time.Time
	// prompt is nil where only the reading goroutine can read.
	prompt socket.PromptConn

	// heard counts how often bytes have arrived.
	heard atomic.Uint64
	// broken is closed when the connection has failed.
	broken chan struct{}
	ended  sync.WaitGroup

	// mu guards the fields below and is held for memory work only, never across I/O.
	// Queueing and encoding a request happen under it in one step, so the order on
	// the wire is the order of the queue.
	mu      sync.Mutex
	engine  *Engine
	reading reading
	writing writing
	// waiting holds the calls that wait for room.
	waiting line
	// watched is set while the timer is armed.
	watched bool
	timer   *clock.Timer
	failed  bool
}

// NewConn starts the client side of nc, which it owns from now on. Close it to
// end its goroutines.
func NewConn(nc net.Conn, clk clock.Clock, l EngineLimits) *Conn {
	c := &Conn{
		nc: nc, clk: clk, start: clk.Now(), engine: NewEngine(l),
		broken: make(chan struct{}),
	}
	c.writing.wake = make(chan struct{}, 1)
	c.prompt, _ = nc.(socket.PromptConn)
	c.reading.buffer, c.reading.enough = c.engine.Buffer(), socket.AloneFor
	unsent.Bound(nc)
	if buffered(nc) {
		c.writing.inline = inlineBytes
	}
	c.ended.Go(c.readAnswers)
	c.ended.Go(c.writeRequests)
	return c
}

// Do sends the call and waits for its answer. If ctx ends first, Do returns its
// error at once and the caller may use the call again; call.MaybeApplied
// then says whether it may still take effect. When the limits on calls in
// flight are reached, Do first waits for room.
func (c *Conn) Do(ctx context.Context, call *Call) error {
	if err := ctx.Err(); err != nil {
		call.Err, call.MaybeApplied = err, false
		return err
	}
	c.mu.Lock()
	alone := c.borrow()
	c.submit(c.now(), call)
	c.flush(alone)
	if alone {
		c.readOwn(ctx)
	}
	return c.wait(ctx, call)
}

// DoAll sends the calls in one go and waits for all their answers. Each call's Err
// says how it went; it is ctx's error for the calls that were cut off, and DoAll
// itself returns no other error than that.
func (c *Conn) DoAll(ctx context.Context, calls []*Call) error {
	if err := ctx.Err(); err != nil {
		for _, call := range calls {
			call.Err, call.MaybeApplied = err, false
		}
		return err
	}
	c.mu.Lock()
	now := c.now()
	c.crowd()
	for _, call := range calls {
		c.submit(now, call)
	}
	c.flush(false)
	var cut error
	for _, call := range calls {
		if err := c.wait(ctx, call); err != nil && errors.Is(err, ctx.Err()) {
			cut = err
		}
	}
	return cut
}

// Broken is closed once the connection can carry no further call.
func (c *Conn) Broken() <-chan struct{} { return c.broken }

// Heard counts how often bytes have come from the server. It only grows.
func (c *Conn) Heard() uint64 { return c.heard.Load() }

// Quiet returns for how long the server has owed an answer without sending a
// byte; 0 if it owes none.
func (c *Conn) Quiet() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed || c.engine.InFlight() == 0 {
		return 0
	}
	return time.Duration(c.now() - c.engine.quiet())
}

// Close fails the calls in flight with ErrConnClosed, closes the connection
// and waits for its goroutines to end.
func (c *Conn) Close() error {
	c.fail(ErrConnClosed)
	c.ended.Wait()
	return nil
}

func (c *Conn) now() int64 { return int64(c.clk.Since(c.start)) }

// submit hands the call to the engine, or puts it in the line for room. It
// requires mu. A call that cannot be sent at all completes at once.
func (c *Conn) submit(now int64, call *Call) {
	if call.done == nil {
		call.done = make(chan struct{}, 1)
	}
	err := ErrTooManyCalls
	if c.waiting.empty() {
		err = c.engine.Submit(now, call)
	}
	switch {
	case err == nil:
		c.watch(now)
	case errors.Is(err, ErrTooManyCalls):
		call.MaybeApplied = false
		c.waiting.join(now, call)
	default:
		call.Err, call.MaybeApplied = err, false
		call.done <- struct{}{}
	}
}

// admit moves calls that waited for room into the engine, in their order, and
// reports whether there were any. It requires mu.
func (c *Conn) admit() (some bool) {
	for call := c.waiting.first; call != nil && c.engine.fits(call); call = c.waiting.first {
		since := call.since
		c.waiting.leave(call)
		var err error
		if call.Renewer != nil {
			err = call.Renewer.RenewRequest(&call.Request)
		}
		if err == nil {
			err = c.engine.Submit(since, call)
		}
		if err != nil {
			call.Err = err
			call.done <- struct{}{}
		}
		some = true
	}
	return some
}

// wait waits for the call's answer or the end of ctx.
func (c *Conn) wait(ctx context.Context, call *Call) error {
	// A plain receive is cheaper than a select.
	if ctx.Done() == nil {
		<-call.done
		return call.Err
	}
	select {
	case <-call.done:
		return call.Err
	case <-ctx.Done():
	}
	c.mu.Lock()
	cancelled := true
	if call.state == callWaiting {
		c.waiting.leave(call)
	} else {
		cancelled = c.engine.Cancel(call)
	}
	c.mu.Unlock()
	if cancelled {
		call.Err = ctx.Err()
		return call.Err
	}
	// The answer came first.
	<-call.done
	return call.Err
}

// watch arms the timer unless it is armed. It requires mu. Answers do not move the
// timer, which would cost each call: when it fires, look checks what is oldest
// then.
func (c *Conn) watch(now int64) {
	if c.watched {
		return
	}
	deadline, ok := c.engine.Deadline()
	if !c.waiting.empty() {
		deadline, ok = min(deadline, after(c.waiting.first.since, c.engine.limits.Total)), true
	}
	if ok {
		c.watched = true
		c.timer = c.clk.AfterFunc(time.Duration(max(deadline-now, 1)), c.look)
	}
}

// look runs when the timer fires.
func (c *Conn) look() {
	c.mu.Lock()
	c.watched = false
	now := c.now()
	dead := c.engine.Overdue(now)
	late := c.engine.Completed(nil)
	for call := c.waiting.first; call != nil && now >= after(call.since, c.engine.limits.Total); call = c.waiting.first {
		c.waiting.leave(call)
		call.Err = c.engine.slow()
		late = append(late, call)
	}
	if dead == nil && !c.failed {
		c.watch(now)
	}
	c.mu.Unlock()
	for _, call := range late {
		call.done <- struct{}{}
	}
	if dead != nil {
		c.fail(dead)
	}
}

// fail ends the connection: all calls complete with err. Only the first call of fail
// has an effect.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	if c.failed {
		c.mu.Unlock()
		return
	}
	c.failed = true
	c.engine.Fail(err)
	done := c.engine.Completed(nil)
	for call := c.waiting.first; call != nil; call = c.waiting.first {
		c.waiting.leave(call)
		call.Err = err
		done = append(done, call)
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	// Under mu, so that a caller whose call is refused finds it closed.
	close(c.broken)
	c.mu.Unlock()
	// The connection has failed already, so this error does not matter.
	_ = c.nc.Close()
	for _, call := range done {
		call.done <- struct{}{}
	}
}
