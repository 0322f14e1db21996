package sim

import (
	"net"
	"sync"
	"time"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// A gate lets the goroutines of a world do one thing at a time: write, or begin
// a request. All come here first and wait to be let through; the one loop that
// lets them waits until everybody else is blocked, and then picks. Which one it
// picks depends on the seed and on who they are, not on the order in which they
// came. A read needs no turn of its own: a net.Pipe's ends with the write that
// it waits for.
type gate struct {
	mu      sync.Mutex // guards everything below
	waiting []*ticket
	passed  map[uint64]uint64 // how often each identity has come
	arrived chan struct{}     // one token: somebody has come since the last look
}

// A ticket is a goroutine that waits to be let through.
type ticket struct {
	id    uint64 // identity and how often it has come: no two are the same
	ready time.Time
	conn  *gatedConn // nil for the beginning of a call
	side  script.Side
	open  chan struct{}
}

func newGate() *gate {
	return &gate{passed: map[uint64]uint64{}, arrived: make(chan struct{}, 1)}
}

// pass waits to be let through, not before ready. It returns false if the
// connection is closed first.
func (g *gate) pass(identity uint64, ready time.Time, c *gatedConn, side script.Side) bool {
	var closed chan struct{}
	if c != nil {
		closed = c.closed
	}
	g.mu.Lock()
	g.passed[identity]++
	t := &ticket{id: identity<<20 | g.passed[identity], ready: ready, conn: c, side: side, open: make(chan struct{})}
	g.waiting = append(g.waiting, t)
	g.mu.Unlock()
	select {
	case g.arrived <- struct{}{}:
	default:
	}
	select {
	case <-t.open:
		return true
	case <-closed:
		g.leave(t)
		return false
	}
}

func (g *gate) leave(t *ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.waiting {
		if g.waiting[i] == t {
			g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
			return
		}
	}
}

// next takes out the ticket to let through now: of those that may go, the one
// with the lowest draw. Without one, it says when the next may, zero for never.
// held says until when a ticket has to wait.
func (g *gate) next(seed uint64, now time.Time, held func(*ticket) time.Time) (*ticket, time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	best, lowest := -1, uint64(0)
	var soonest time.Time
	for i, t := range g.waiting {
		if until := held(t); until.After(now) {
			if soonest.IsZero() || until.Before(soonest) {
				soonest = until
			}
			continue
		}
		if draw := script.Draw(seed, t.id); best < 0 || draw < lowest {
			best, lowest = i, draw
		}
	}
	if best < 0 {
		return nil, soonest
	}
	t := g.waiting[best]
	g.waiting = append(g.waiting[:best], g.waiting[best+1:]...)
	return t, now
}

// A gatedConn is one end of a net.Pipe whose writes pass a gate, in fragments.
type gatedConn struct {
	net.Conn
	b      *bubble
	lane   int
	side   script.Side // that it writes to
	other  *gatedConn
	closed chan struct{}
	once   *sync.Once // both ends close together

	mu      sync.Mutex // guards everything below
	stalled time.Time
	tear    bool // the connection is reset in the middle of the next write
	cut     bool // the connection is reset before the next write
	flip    bool
	written uint64
}

// connect returns the two ends of a connection.
func (b *bubble) connect(lane int) (client, server *gatedConn) {
	x, y := net.Pipe()
	closed, once := make(chan struct{}), new(sync.Once)
	client = &gatedConn{Conn: x, b: b, lane: lane, side: script.Up, closed: closed, once: once}
	server = &gatedConn{Conn: y, b: b, lane: lane, side: script.Down, closed: closed, once: once}
	client.other, server.other = server, client
	return client, server
}

// identity tells those who write apart.
func (c *gatedConn) identity() uint64 { return uint64(c.lane)<<1 | uint64(c.side) }

// Write sends p in fragments, each in its turn and after its delay.
func (c *gatedConn) Write(p []byte) (n int, err error) {
	config := &c.b.script.Config
	for n < len(p) {
		c.mu.Lock()
		c.written++
		draw := script.Draw(c.b.script.Seed, c.identity(), c.written)
		tear, cut, flip := c.tear, c.cut, c.flip
		c.flip = false
		c.mu.Unlock()
		size := len(p) - n
		if config.Fragment.Max > 0 {
			size = min(size, max(1, config.Fragment.Min+int(uint32(draw))%(config.Fragment.Max-config.Fragment.Min+1)))
		}
		delay := config.Delay.Min
		if spread := uint64(config.Delay.Max - config.Delay.Min); spread > 0 {
			delay += time.Duration(draw >> 32 * spread >> 32)
		}
		if !c.b.gate.pass(c.identity(), c.b.clk.Now().Add(delay), c, c.side) {
			return n, net.ErrClosed
		}
		chunk := p[n : n+size]
		switch {
		case cut:
			_ = c.Close()
			return n, net.ErrClosed
		case tear:
			half, _ := c.Conn.Write(chunk[:len(chunk)/2])
			_ = c.Close()
			return n + half, net.ErrClosed
		case flip:
			chunk = append([]byte(nil), chunk...)
			bit := draw % uint64(8*len(chunk))
			chunk[bit/8] ^= 1 << (bit % 8)
		}
		sent, err := c.Conn.Write(chunk)
		n += sent
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Close resets the connection at both ends.
func (c *gatedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// reset closes both ends.
func (c *gatedConn) reset() {
	_ = c.Close()       // a pipe closes without error
	_ = c.other.Close() // likewise
}

// with changes what will befall the connection.
func (c *gatedConn) with(change func(*gatedConn)) {
	c.mu.Lock()
	change(c)
	c.mu.Unlock()
}

func (c *gatedConn) stalledUntil() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stalled
}
