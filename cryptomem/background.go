package cryptomem

import "sync"

// background is the goroutines of something that can be closed.
type background struct {
	mu      sync.Mutex // guards closed, and orders spawn before wait
	closed  bool
	running sync.WaitGroup
}

// spawn runs f in a goroutine that wait waits for, unless shut is over.
func (b *background) spawn(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.running.Go(f)
	}
	return !b.closed
}

// shut lets nothing more be spawned.
func (b *background) shut() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
}

// wait waits for everything that was spawned; only after shut.
func (b *background) wait() { b.running.Wait() }
