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
		if r.conn == nil || r.conn.gone {
			r.conn = r.w.connect(rawLane + r.index)
			r.conn.client = r
			r.closed = false
		}
		r.outgoing = append(r.outgoing, a.Bytes...)
		r.drained()
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

func brief(b []byte) string {
	const most = 64
	if len(b) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%x (%.64q)", b[:min(len(b), most)], b)
}

func (r *rawEnd) receive(b []byte) int {
	r.received = append(r.received, b...)
	return len(b)
}

func (r *rawEnd) drained() {
	if !r.conn.gone {
		r.outgoing = r.outgoing[r.conn.up.send(r.outgoing):]
	}
}

func (r *rawEnd) ended() { r.conn.shut(nil) }

func (r *rawEnd) lost(error) { r.closed, r.outgoing = true, nil }
