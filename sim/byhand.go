package sim

import "github.com/Zezezknight/cryptomem/sim/script"

// deliver lets the next n bytes on a lane's links arrive, in one piece; 0 stands for
// the next chunk as it was sent. Of several links the oldest with something under
// way is meant.
func (w *world) deliver(lane int, side script.Side, n int) {
	for _, c := range w.conns {
		if c.lane != lane {
			continue
		}
		if p := c.pipe(side); p.ready() {
			p.deliver(n)
			return
		}
	}
}

func (c *conn) pipe(side script.Side) *pipe {
	if side == script.Down {
		return c.down
	}
	return c.up
}

// ready reports whether a delivery would change anything.
func (p *pipe) ready() bool {
	return !p.blocked && !p.ended && (p.first < len(p.chunks) || p.end)
}

// deliver makes n bytes one chunk, as far as they are under way, and lets it arrive.
func (p *pipe) deliver(n int) {
	if n > 0 && p.first < len(p.chunks) {
		for p.chunks[p.first].size < n && p.first+1 < len(p.chunks) {
			p.chunks[p.first+1].size += p.chunks[p.first].size
			p.first++
		}
		if c := p.chunks[p.first]; c.size > n {
			p.chunks = append(p.chunks, chunk{})
			copy(p.chunks[p.first+1:], p.chunks[p.first:])
			p.chunks[p.first].size = n
			p.chunks[p.first+1] = chunk{c.due, c.size - n}
		}
	}
	p.arrive()
}
