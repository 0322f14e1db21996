package sim

import (
	"bytes"
	"fmt"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// A rawEnd is the client's end of a connection that sends a script's bytes and
// looks at the server's, frame or no frame.
type rawEnd struct {
	w        *world
	index    int
	conn     *conn
	outgoing []byte
	received []byte
	closed   bool
	// dialogue that is being played; nil when none is.
	dialogue *dialogue
}

// raw returns the raw connection of that index.
func (w *world) raw(index int) *rawEnd {
	for _, r := range w.raws {
		if r.index == index {
			return r
		}
	}
	r := &rawEnd{w: w, index: index}
	w.raws = append(w.raws, r)
	return r
}

func (r *rawEnd) act(a *script.Action) {
	switch a.Verb {
	case script.Send:
		if r.w.server.down {
			return
		}
		r.connect()
		r.outgoing = append(r.outgoing, a.Bytes...)
		r.drained()
	case script.Play:
		r.play(a.Key)
	case script.Expect:
		if !bytes.HasPrefix(r.received, a.Bytes) {
			r.w.violate(RuleExpect, "%v, and %s came", a, brief(r.received))
			return
		}
		r.received = r.received[len(a.Bytes):]
	case script.EOF:
		if !r.closed || len(r.received) > 0 {
			r.w.violate(RuleExpect, "%v: closed is %v, unread %s", a, r.closed, brief(r.received))
		}
	}
}

// connect opens a connection, if there is none.
func (r *rawEnd) connect() {
	if r.conn == nil || r.conn.gone {
		r.conn = r.w.connect(rawLane+r.index, r.w.server)
		r.conn.client = r
		r.closed = false
	}
}

// play begins a dialogue on a connection of its own.
func (r *rawEnd) play(name string) {
	d, err := newDialogue(name)
	switch {
	case err != nil:
		r.w.violate(RuleExpect, "%v", err)
		return
	case r.w.server.down:
		r.w.violate(RuleExpect, "raw%d @%s: the server is down", r.index, name)
		return
	case r.dialogue != nil:
		r.w.violate(RuleExpect, "raw%d @%s: still busy with @%s", r.index, name, r.dialogue.Name)
		return
	}
	if r.conn != nil {
		r.conn.shut(nil)
	}
	r.received = nil
	r.connect()
	r.dialogue = d
	r.w.pending++
	r.converse()
}

// converse goes on with the dialogue as far as what was received allows.
func (r *rawEnd) converse() {
	d := r.dialogue
	for said := d.say(); ; said = d.say() {
		r.outgoing = append(r.outgoing, said...)
		before := d.step
		var err error
		if r.received, err = d.hear(r.received); err != nil {
			r.w.violate(RuleExpect, "raw%d %v", r.index, err)
		}
		if d.step == before {
			break
		}
	}
	if d.spoken() && !d.Closes {
		r.over()
	}
	if len(r.outgoing) > 0 {
		r.drained()
	}
}

func (r *rawEnd) over() {
	r.dialogue = nil
	r.w.pending--
}

func brief(b []byte) string {
	const most = 64
	if len(b) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%x (%.64q)", b[:min(len(b), most)], b)
}

func (r *rawEnd) receive(b []byte) int {
	r.received = append(r.received, b...)
	if r.dialogue != nil {
		r.converse()
	}
	return len(b)
}

func (r *rawEnd) drained() {
	if !r.conn.gone {
		r.outgoing = r.outgoing[r.conn.up.send(r.outgoing):]
	}
}

func (r *rawEnd) ended() { r.conn.shut(nil) }

func (r *rawEnd) lost(error) {
	r.closed, r.outgoing = true, nil
	if d := r.dialogue; d != nil {
		if !d.spoken() || len(r.received) > 0 {
			r.w.violate(RuleExpect, "raw%d @%s: the connection ends in the middle of it, unread %s", r.index, d.Name, brief(r.received))
		}
		r.over()
	}
}
