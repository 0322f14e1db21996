package pipeline

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"syscall"
)

// writeSize is how much is written at once, in bytes. Progress is noted after each
// write, so that a long request over a slow line does not look stalled.
const writeSize = 64 << 10

// inlineBytes is how many bytes may be unanswered for others than the writing goroutine
// to write. That much fits the socket buffers, so the write does not block: a caller
// can still react to its context, and answers are still read.
const inlineBytes = 32 << 10

// writing is the sending side of a Conn. One party at a time owns it, or none:
//
//	a caller                 that finds it free, and is done after one write
//	the reading goroutine    that has handed out several answers at once
//	the writing goroutine    when a write might block, or a caller left something
//
// A caller that gets its answer is likely to call again. So when the reading goroutine
// wakes several callers, it owns the sending side and writes for all of them: a write
// costs as much as ten of the requests in it.
type writing struct {
	// owned is set while a party writes, or is about to.
	owned bool
	// turn is set while the reading goroutine hands out answers and will write.
	turn bool
	// wake holds a token when the writing goroutine has to take over.
	wake chan struct{}
	// inline is inlineBytes, or 0 where writes block, as on a net.Pipe.
	inline int
}

// buffered reports whether writes to nc go to a socket buffer of the system.
func buffered(nc net.Conn) bool {
	// A tls.Conn has this method.
	if wrapped, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = wrapped.NetConn()
	}
	_, ok := nc.(syscall.Conn)
	return ok
}

// flush gets what is outgoing written. Unless the caller is alone, it first lets
// others add their requests. It requires mu and releases it.
func (c *Conn) flush(alone bool) {
	defer c.mu.Unlock()
	if c.writing.turn || !c.own() {
		return
	}
	if !alone && !c.mayBlock() {
		c.yield()
	}
	if c.mayBlock() || !c.writeOnce() {
		c.wakeWriter()
	}
}

// own takes the sending side and reports whether it was free. It requires mu.
func (c *Conn) own() bool {
	if c.writing.owned || c.failed {
		return false
	}
	c.writing.owned = true
	return true
}

// wakeWriter passes the sending side on to the writing goroutine. It requires mu, and
// to own that side.
func (c *Conn) wakeWriter() {
	// There is room: only the owner sends the token.
	c.writing.wake <- struct{}{}
}

// mayBlock reports whether a write might have to wait for room. It requires mu.
func (c *Conn) mayBlock() bool { return c.engine.inFlight > c.writing.inline }

// yield lets other goroutines run, which may add requests. It requires mu, and
// releases it meanwhile.
func (c *Conn) yield() {
	c.mu.Unlock()
	runtime.Gosched()
	c.mu.Lock()
}

// writeOnce writes what is outgoing and reports whether that was all, in which case
// the sending side is free again. It requires mu, and releases it for the
// write itself: calls may be submitted meanwhile, but only one write runs.
func (c *Conn) writeOnce() (all bool) {
	b := c.engine.Outgoing()
	b = b[:min(len(b), writeSize)]
	if len(b) > 0 && !c.failed {
		c.mu.Unlock()
		_, err := c.nc.Write(b)
		if hungUp(err) {
			// The server may have said why before it closed the connection. The
			// reader finds that, and the end of the stream, and fails the connection.
			c.mu.Lock()
			// Keeping the sending side prevents further writes.
			return true
		}
		if err != nil {
			c.fail(fmt.Errorf("write to server: %w", err))
		}
		c.mu.Lock()
		if !c.failed {
			c.engine.Sent(len(b), c.now())
			b = c.engine.out[c.engine.sent:]
		}
	}
	if c.failed || len(b) == 0 {
		c.writing.owned = false
		return true
	}
	return false
}

// hungUp reports whether a write failed because the other side has closed.
func hungUp(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrClosedPipe)
}

// takeTurn announces that the reading goroutine will write, and reports whether it may:
// not for a single caller, nor where a write might block. It requires mu.
func (c *Conn) takeTurn(answers int) bool {
	c.writing.turn = answers > 1 && c.writing.inline > 0 && !c.mayBlock()
	return c.writing.turn
}

// writeTurn writes for the callers that have been handed answers, until none of them adds
// a request any more.
func (c *Conn) writeTurn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.yield()
	c.writing.turn = false
	if !c.own() {
		// Its owner writes for all.
		return
	}
	for !c.mayBlock() {
		if c.writeOnce() {
			return
		}
		c.yield()
	}
	c.wakeWriter()
}

// writeRequests runs in the writing goroutine, which takes over whenever it is woken.
func (c *Conn) writeRequests() {
	for {
		select {
		case <-c.writing.wake:
		case <-c.broken:
			return
		}
		runtime.Gosched()
		c.mu.Lock()
		for !c.writeOnce() {
			if c.writing.turn {
				c.writing.owned = false
				break
			}
		}
		c.mu.Unlock()
	}
}
