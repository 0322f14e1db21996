package sim

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// A rawUser is a rawEnd where there are goroutines: one of its own writes what a
// script says, one reads what comes.
type rawUser struct {
	b     *bubble
	index int
	// Actions whose bytes have not all been sent.
	unsent atomic.Int64

	// Guards everything below.
	mu sync.Mutex
	// Nil while there is none.
	conn     net.Conn
	outgoing chan []byte
	received []byte
	closed   bool
	// dialogue that is being played; nil when none is.
	dialogue *dialogue
	changed  chan struct{}
}

// raw returns the raw connection of that index.
func (b *bubble) raw(index int) *rawUser {
	for _, r := range b.raws {
		if r.index == index {
			return r
		}
	}
	r := &rawUser{b: b, index: index, changed: make(chan struct{}, 1)}
	b.raws = append(b.raws, r)
	return r
}

func (r *rawUser) act(step int, a *script.Action) {
	switch a.Verb {
	case script.Send:
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.connected() {
			r.unsent.Add(1)
			r.outgoing <- bytes.Clone(a.Bytes)
		}
	case script.Play:
		r.play(a.Key)
	case script.Expect:
		r.await(func() bool { return len(r.received) >= len(a.Bytes) })
		r.mu.Lock()
		defer r.mu.Unlock()
		if !bytes.HasPrefix(r.received, a.Bytes) {
			r.broken("%v, and %s came", a, brief(r.received))
			return
		}
		r.received = r.received[len(a.Bytes):]
	case script.EOF:
		r.await(func() bool { return r.closed })
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.closed || len(r.received) > 0 {
			r.broken("%v: closed is %v, unread %s", a, r.closed, brief(r.received))
		}
	}
}

// await waits on tier 3, where it is unknown when all goroutines are idle, until
// enough has arrived, the connection is closed or a time limit has passed.
func (r *rawUser) await(enough func() bool) {
	if r.b.gate.open == nil {
		return
	}
	timer := r.b.clk.Timer(maxQuietTime)
	defer timer.Stop()
	for {
		r.mu.Lock()
		ready := enough() || r.closed
		r.mu.Unlock()
		if ready {
			return
		}
		select {
		case <-r.changed:
		case <-timer.C:
			return
		}
	}
}

func (r *rawUser) broken(format string, args ...any) {
	r.b.violate(RuleExpect, fmt.Sprintf(format, args...))
}

// maxOutgoing is how much a script may have sent, in actions, before the first
// of it has left.
const maxOutgoing = 1 << 12

// connected opens a connection if there is none, and reports whether there is
// one. It requires mu.
func (r *rawUser) connected() bool {
	if r.conn != nil && !r.closed {
		return true
	}
	conn, err := r.b.first.dial(rawLane + r.index)
	if err != nil {
		return false
	}
	outgoing := make(chan []byte, maxOutgoing)
	r.conn, r.outgoing, r.closed = conn, outgoing, false
	r.b.work.Go(func() {
		for b := range outgoing {
			_, err := conn.Write(b)
			r.unsent.Add(-1)
			if err != nil {
				break
			}
		}
		// until it is closed
		for range outgoing {
			r.unsent.Add(-1)
		}
	})
	r.b.work.Go(func() { r.read(conn, outgoing) })
	return true
}

func (r *rawUser) read(conn net.Conn, outgoing chan []byte) {
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		r.mu.Lock()
		mine := r.conn == conn
		if mine {
			r.received = append(r.received, buffer[:n]...)
			if r.dialogue != nil {
				r.converse()
			}
		}
		if err != nil {
			if mine {
				r.lost()
			}
			close(outgoing)
			r.mu.Unlock()
			// both ends are done with it
			_ = conn.Close()
			return
		}
		r.mu.Unlock()
		select {
		case r.changed <- struct{}{}:
		default:
		}
	}
}

// lost takes note that the connection has ended. It requires mu.
func (r *rawUser) lost() {
	r.closed, r.conn = true, nil
	if d := r.dialogue; d != nil {
		if !d.spoken() || len(r.received) > 0 {
			r.broken("raw%d @%s: the connection ends in the middle of it, unread %s", r.index, d.Name, brief(r.received))
		}
		r.over()
	}
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// play begins a dialogue on a connection of its own.
func (r *rawUser) play(name string) {
	d, err := newDialogue(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && r.dialogue != nil {
		err = fmt.Errorf("still busy with @%s", r.dialogue.Name)
	}
	if err == nil && r.conn != nil {
		// a pipe closes without error
		_ = r.conn.Close()
		r.conn = nil
	}
	if err == nil && !r.connected() {
		err = errNoListener
	}
	if err != nil {
		r.broken("raw%d @%s: %v", r.index, name, err)
		return
	}
	r.received, r.dialogue = nil, d
	// as golden dialogues want it
	r.b.first.clk.stop(true)
	r.b.mu.Lock()
	r.b.pending++
	r.b.mu.Unlock()
	r.converse()
}

// converse goes on with the dialogue as far as what was received allows. It
// requires mu.
func (r *rawUser) converse() {
	d := r.dialogue
	for said := d.say(); ; said = d.say() {
		if len(said) > 0 {
			r.unsent.Add(1)
			r.outgoing <- said
		}
		before := d.step
		var err error
		if r.received, err = d.hear(r.received); err != nil {
			r.broken("raw%d %v", r.index, err)
		}
		if d.step == before {
			break
		}
	}
	if d.spoken() && !d.Closes {
		r.over()
	}
}

// over ends the dialogue. It requires mu.
func (r *rawUser) over() {
	r.dialogue = nil
	r.b.first.clk.stop(false)
	r.b.mu.Lock()
	r.b.pending--
	r.b.mu.Unlock()
}

func (r *rawUser) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn != nil {
		// a pipe closes without error
		_ = r.conn.Close()
	}
}
