package sim

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/Zezezknight/cryptomem/transport/socket"
)

// A promptConn is a client's end that callers may read for a moment, as they do a
// real socket: who calls alone, time after time, reads its own answers, and the
// client's goroutine takes over when there is company or the answer is late.
type promptConn struct {
	*gatedConn

	// Guards resumed.
	mu sync.Mutex
	// Closed when the goroutine may read again; nil unless it may not.
	resumed chan struct{}
}

var _ socket.PromptConn = (*promptConn)(nil)

// ReadWithin implements socket.PromptConn.
func (c *promptConn) ReadWithin(b []byte, atMost time.Duration) (int, error) {
	now := c.b.clk.Now()
	if c.b.free != nil {
		now = c.b.timers().Now() // the script's time stands still
	} else {
		c.b.steps.expect(atMost)
	}
	_ = c.SetReadDeadline(now.Add(atMost)) // reading fails where this does
	n, err := c.Read(b)
	switch {
	case n > 0:
		c.b.ownReads.Add(1)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.b.lateReads.Add(1)
	}
	_ = c.SetReadDeadline(time.Time{})
	return n, err
}

// Pause implements socket.PromptConn.
func (c *promptConn) Pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resumed = make(chan struct{})
}

// Resume implements socket.PromptConn.
func (c *promptConn) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.resumed)
	c.resumed = nil
}

// AwaitNews implements socket.PromptConn. A half that has ended is no news here:
// who reads next finds out.
func (c *promptConn) AwaitNews() {
	c.mu.Lock()
	resumed := c.resumed
	c.mu.Unlock()
	if resumed == nil {
		return
	}
	select {
	case <-resumed:
	case <-c.closed:
	}
}
