package sim

import (
	"sync"
	"testing/synctest"
	"time"
)

// end closes everything and waits until no goroutine of the run is left.
func (b *bubble) end() {
	b.heal()
	for _, r := range b.raws {
		r.close()
	}
	if b.shell != nil {
		b.shell.end()
		return
	}
	b.closeUsers()
	var closing sync.WaitGroup
	for _, p := range b.processes {
		if p.server != nil {
			// its connections are gone; what is left is the janitor
			closing.Go(func() { _ = p.server.Close() })
		}
	}
	b.finish(&closing, never)
}

func (b *bubble) closeUsers() {
	b.mu.Lock()
	b.over = true
	b.mu.Unlock()
	for _, u := range b.users {
		b.work.Go(u.close)
	}
	b.finish(&b.work, never)
}

// once lets one waiting goroutine through, if there is one.
func (b *bubble) once() {
	synctest.Wait()
	t, _ := b.gate.next(b.script.Seed, b.clk.Now(), b.heldUntil)
	if t != nil {
		b.gate.admit(t)
	}
	b.step(t)
}

// never is longer than any run.
const never = 1 << 62

// finish lets every goroutine through until all of work is done, or reports that it is not
// after so long.
func (b *bubble) finish(work *sync.WaitGroup, atMost time.Duration) bool {
	if b.free != nil {
		work.Wait()
		return true
	}
	timer := b.clk.Timer(atMost)
	defer timer.Stop()
	over := make(chan struct{})
	go func() {
		work.Wait()
		close(over)
	}()
	var t *ticket
	for {
		b.step(t)
		if isOver(over) { // before the next goroutine is let through
			return true
		}
		if t, _ = b.gate.next(b.script.Seed, b.clk.Now(), b.heldUntil); t != nil {
			b.gate.admit(t)
			continue
		}
		late := false
		b.steps.idle(func() {
			select {
			case <-over:
			case <-b.gate.arrived:
			case <-timer.C:
				late = true
			}
		})
		if late {
			return false
		}
	}
}
