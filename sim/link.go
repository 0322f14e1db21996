package sim

import (
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// A pipe is one direction of a link: bytes on their way, in chunks that arrive
// in order. What a chunk's size and delay are depends on the seed, the link and
// the moment, and on nothing else.
type pipe struct {
	w    *world
	conn *conn
	side script.Side

	// Under way; the first is at bytes[head].
	bytes  []byte
	head   int
	chunks []chunk
	first  int // chunk
	sent   int64
	// When the last chunk arrives.
	last int64

	// An event will deliver.
	due   bool
	event func()
	// The receiver takes no more until it says so.
	blocked bool
	// Nothing follows what is under way.
	end bool
	// And the receiver knows.
	ended bool

	// Until when nothing arrives.
	stalled int64
	// Until when bytes arrive one at a time.
	trickles int64
	// The next chunk arrives with a wrong bit.
	flip bool
	// The link is cut in the middle of the next chunk.
	tear     bool
	aims     []aim
	received int64

	tap *oracle.Wiretap
}

// inTheClear is what no connection may carry: a part of every value that is not short.
var inTheClear = script.Filler[:16]

type chunk struct {
	due  int64
	size int
}

// An aim holds a pipe back so that the request which ends at an offset of the
// stream arrives at a chosen instant.
type aim struct {
	end    int64
	target func() (at int64, ok bool)
}

func newPipe(c *conn, side script.Side) *pipe {
	p := &pipe{w: c.w, conn: c, side: side, tap: oracle.NewWiretap(inTheClear)}
	p.event = p.arrive
	return p
}

// room is how many bytes may still be sent.
func (p *pipe) room() int { return p.w.window - (len(p.bytes) - p.head) }

// send puts as much of b under way as there is room for and returns how much
// that is.
func (p *pipe) send(b []byte) int {
	n := min(len(b), p.room())
	if n <= 0 {
		return 0
	}
	if v := p.tap.Sent(b[:n]); v != nil {
		p.w.fail(v)
	}
	if p.head == len(p.bytes) {
		p.bytes, p.head = p.bytes[:0], 0
	}
	if p.first == len(p.chunks) {
		p.chunks, p.first = p.chunks[:0], 0
	}
	p.bytes = append(p.bytes, b[:n]...)
	c := &p.w.script.Config
	for rest := n; rest > 0; {
		draw := script.Draw(p.w.script.Seed, uint64(p.conn.node.index)<<32|uint64(p.conn.lane)<<1|uint64(p.side), uint64(p.w.now), uint64(rest))
		size := rest
		if c.Fragment.Max > 0 {
			size = min(rest, max(1, c.Fragment.Min+int(uint32(draw))%(c.Fragment.Max-c.Fragment.Min+1)))
		}
		delay := int64(c.Delay.Min)
		if spread := uint64(c.Delay.Max - c.Delay.Min); spread > 0 {
			delay += int64(draw >> 32 * spread >> 32)
		}
		p.last = max(p.last, p.w.now+delay)
		p.chunks = append(p.chunks, chunk{p.last, size})
		rest -= size
	}
	p.sent += int64(n)
	p.schedule()
	return n
}

// close lets the stream end behind what is under way.
func (p *pipe) close() {
	p.end = true
	p.schedule()
}

// schedule makes sure that what comes next will be delivered.
func (p *pipe) schedule() {
	if p.due || p.blocked || p.ended || p.w.byHand {
		return
	}
	at := p.w.now
	switch {
	case p.first < len(p.chunks):
		at = max(at, p.chunks[p.first].due)
	case !p.end:
		return
	default:
		at = max(at, p.last)
	}
	p.due = true
	p.w.events.push(max(at, p.stalled), rankDeliver, p.conn.lane<<1|int(p.side), p.event)
}

// unblock is what a receiver calls that takes bytes again.
func (p *pipe) unblock() {
	p.blocked = false
	p.schedule()
}

// arrive delivers the next chunk, or the end.
func (p *pipe) arrive() {
	p.due = false
	if p.conn.gone {
		return
	}
	if hold := p.held(); hold > p.w.now {
		p.due = true
		p.w.events.push(hold, rankDeliver, p.conn.lane<<1|int(p.side), p.event)
		return
	}
	if p.first == len(p.chunks) {
		p.ended = true
		p.conn.ended(p.side)
		return
	}
	c := &p.chunks[p.first]
	b := p.bytes[p.head : p.head+c.size]
	switch {
	case p.tear:
		if len(b) > 1 {
			p.w.cover(StateTornFrame)
		}
		p.conn.receive(p.side, b[:len(b)/2])
		p.conn.cut("torn")
		return
	case p.flip:
		p.flip = false
		bit := script.Draw(p.w.script.Seed, uint64(p.w.now)) % uint64(8*len(b))
		b[bit/8] ^= 1 << (bit % 8)
		p.w.cover(StateFlipped)
		p.w.note(p.conn.lane, Fault, "bit %d of the next %d bytes %v is flipped", bit, len(b), p.side)
	}
	if p.w.now < p.trickles {
		b = b[:1]
		p.w.cover(StateTrickled)
	}
	n := p.conn.receive(p.side, b)
	if p.conn.gone {
		return
	}
	p.head += n
	p.received += int64(n)
	c.size -= n
	if c.size == 0 {
		p.first++
	}
	if n < len(b) {
		p.blocked = true
	} else if p.w.now < p.trickles && p.first < len(p.chunks) {
		p.chunks[p.first].due = max(p.chunks[p.first].due, p.w.now+trickle)
	}
	p.conn.drained(p.side)
	p.schedule()
}

const (
	trickle = 1_000       // nanoseconds between two bytes of a slow sender
	farAim  = 100_000_000 // nanoseconds; an expiry farther away is not waited for
)

// held returns until when the next chunk has to wait.
func (p *pipe) held() int64 {
	hold := p.stalled
	if p.side == script.Up {
		hold = max(hold, p.conn.node.frozen)
	}
	if len(p.aims) == 0 || p.first == len(p.chunks) {
		return hold
	}
	if a := p.aims[0]; p.received+int64(p.chunks[p.first].size) >= a.end {
		p.aims = p.aims[1:]
		if at, ok := a.target(); ok && at > p.w.now && at < p.w.now+farAim {
			hold = max(hold, at)
			p.w.cover(StateAimed)
		}
	}
	return hold
}
