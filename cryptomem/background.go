package cryptomem

import (
	"sync"
	"time"

	"github.com/benbjohnson/clock"
)

// background tracks the goroutines of something that can be closed.
type background struct {
	// Guards closed, and orders spawn before wait.
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// spawn runs f in a goroutine that wait waits for, unless shut has been called.
func (b *background) spawn(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.running.Go(f)
	}
	return !b.closed
}

// shut makes later calls of spawn do nothing.
func (b *background) shut() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
}

// wait waits for every spawned goroutine. Call it only after shut.
func (b *background) wait() { b.running.Wait() }

// waitFor is wait for at most d.
func (b *background) waitFor(clk clock.Clock, d time.Duration) {
	ended := make(chan struct{})
	go func() {
		b.wait()
		close(ended)
	}()
	timer := clk.Timer(d)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
}
