package sim

import (
	"context"
	"errors"
	"sync"
	"testing/synctest"
	"time"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// restart loses everything that the server has.
func (b *bubble) restart(back time.Duration) {
	b.mu.Lock()
	server, conns := b.server, b.conns
	until := b.clk.Now().Add(back)
	b.server, b.conns, b.back = nil, nil, until
	b.shell.stop(true)
	now := b.moment()
	if server != nil {
		b.done = append(b.done, ended{ops: []oracle.Op{{Verb: script.Flush, Call: now, Return: oracle.Never, Outcome: oracle.Unknown}}})
	}
	at := len(b.done) - 1
	b.mu.Unlock()
	for _, c := range conns {
		c.reset()
	}
	if server == nil {
		return
	}
	b.work.Go(func() {
		err := server.Close()
		if err != nil && !errors.Is(err, context.Canceled) {
			b.violate(RuleRefusal, "the server does not close: "+err.Error())
		}
		if b.free != nil {
			b.until(until)
		} else {
			b.clk.Sleep(back + 1)
		}
		b.mu.Lock()
		op := &b.done[at].ops[0]
		op.Outcome, op.Return = oracle.Done, b.moment()
		b.mu.Unlock()
		b.open()
	})
}

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
	if server := b.server; server != nil {
		var closing sync.WaitGroup
		// its connections are gone; what is left is the janitor
		closing.Go(func() { _ = server.Close() })
		b.finish(&closing, never)
	}
}

func (b *bubble) closeUsers() {
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
