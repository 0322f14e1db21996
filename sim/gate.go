package sim

import (
	"net"
	"slices"
	"sync"
	"time"

	"github.com/Zezezknight/cryptomem/sim/oracle"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// A gate lets the goroutines of a world do one thing at a time: write, or begin a
// request. Each waits at the gate. One loop waits until all other goroutines are
// blocked and then lets one through. Its choice depends on the seed and on the
// goroutines' identities, not on the order in which they arrived, except that the
// calls of one client begin in the order of the script. A read needs no turn: on a
// net.Pipe it ends with the write that it waits for.
//
// An open gate, on tier 3, lets every goroutine through at once unless something
// holds it.
type gate struct {
	// Waits until nothing holds a ticket; nil if the gate is not open.
	open func(*ticket)

	// Guards everything below.
	mu      sync.Mutex
	waiting []*ticket
	// How often each identity has come.
	passed map[uint64]uint64
	// One token: a goroutine has come since the last look.
	arrived chan struct{}
}

// A ticket is a goroutine that waits to be let through.
type ticket struct {
	// Identity and how often it has come: no two are the same.
	id    uint64
	ready time.Time
	// lane of the client whose call begins.
	lane int
	// step of the script that the call is.
	step int
	// Nil for the beginning of a call.
	conn *gatedConn
	side script.Side
	// It is for a system call, which takes no time; urgent is one that all others let go
	// first.
	system, urgent bool
	// It has been found out whether it is to wait for an expiry.
	aimed bool
	open  chan struct{}
}

func newGate() *gate {
	return &gate{passed: map[uint64]uint64{}, arrived: make(chan struct{}, 1)}
}

// pass waits to be let through. It returns false if the ticket's connection is
// closed first. The ticket's id is who comes; pass adds how often.
func (g *gate) pass(t *ticket) bool {
	var closed chan struct{}
	if t.conn != nil {
		closed = t.conn.closed
	}
	if g.open != nil {
		g.open(t)
		select {
		case <-closed:
			return false
		default:
			return true
		}
	}
	g.mu.Lock()
	g.passed[t.id]++
	t.id = t.id<<20 | g.passed[t.id]
	t.open = make(chan struct{})
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

// begins reports whether a call of a client waits to begin.
func (g *gate) begins(lane int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.waiting {
		if t.conn == nil && t.lane == lane {
			return true
		}
	}
	return false
}

// system reports whether a system call waits.
func (g *gate) system() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.waiting, func(t *ticket) bool { return t.system })
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
		if t.conn == nil && g.behind(t) {
			continue
		}
		if until := held(t); until.After(now) {
			if soonest.IsZero() || until.Before(soonest) {
				soonest = until
			}
			continue
		}
		draw := script.Draw(seed, t.id)
		if t.urgent {
			draw >>= 32
		}
		if best < 0 || draw < lowest {
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

// behind reports whether a call waits that its client has made earlier. It
// requires mu.
func (g *gate) behind(t *ticket) bool {
	for _, o := range g.waiting {
		if o.conn == nil && o.lane == t.lane && o.step < t.step {
			return true
		}
	}
	return false
}

// A gatedConn is one end of a connection whose writes pass a gate, in fragments.
type gatedConn struct {
	net.Conn
	b    *bubble
	lane int
	// side that it writes to.
	side   script.Side
	other  *gatedConn
	closed chan struct{}
	// Both ends close together.
	once *sync.Once

	// Guards everything below.
	mu      sync.Mutex
	stalled time.Time
	// Until when it writes one byte at a time.
	trickle time.Time
	// It closes its sending half once nothing is to be sent.
	finish bool
	// writers in Write.
	writers int
	// The connection is reset in the middle of the next write.
	tear bool
	// The connection is reset before the next write.
	cut     bool
	flip    bool
	written uint64
	tap     *oracle.Wiretap
}

// connect returns the two ends of a connection.
func (b *bubble) connect(lane int) (client, server *gatedConn) {
	x, y := newDuplex()
	closed, once := make(chan struct{}), new(sync.Once)
	client = &gatedConn{Conn: x, b: b, lane: lane, side: script.Up, closed: closed, once: once, tap: oracle.NewWiretap(inTheClear)}
	server = &gatedConn{Conn: y, b: b, lane: lane, side: script.Down, closed: closed, once: once, tap: oracle.NewWiretap(inTheClear)}
	client.other, server.other = server, client
	return client, server
}

// identity tells those who write apart.
func (c *gatedConn) identity() uint64 { return uint64(c.lane)<<1 | uint64(c.side) }

// Write sends p in fragments, each in its turn and after its delay.
func (c *gatedConn) Write(p []byte) (n int, err error) {
	config := &c.b.script.Config
	c.listen(p)
	c.with(func(c *gatedConn) { c.writers++ })
	defer c.with(func(c *gatedConn) { c.writers-- })
	for n < len(p) {
		c.mu.Lock()
		c.written++
		draw := script.Draw(c.b.script.Seed, c.identity(), c.written)
		trickles := c.trickle.After(c.b.clk.Now())
		c.mu.Unlock()
		size := len(p) - n
		if config.Fragment.Max > 0 {
			size = min(size, max(1, config.Fragment.Min+int(uint32(draw))%(config.Fragment.Max-config.Fragment.Min+1)))
		}
		if trickles {
			size = 1
		}
		delay := config.Delay.Min
		if spread := uint64(config.Delay.Max - config.Delay.Min); spread > 0 {
			delay += time.Duration(draw >> 32 * spread >> 32)
		}
		if trickles {
			delay += trickle
		}
		t := &ticket{id: c.identity(), ready: c.b.clk.Now().Add(delay), conn: c, side: c.side, aimed: n+size < len(p)}
		if !c.b.gate.pass(t) {
			return n, net.ErrClosed
		}
		c.mu.Lock()
		tear, cut, flip := c.tear, c.cut, c.flip
		c.flip = false
		c.mu.Unlock()
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

// listen looks for values in the clear in what is written.
func (c *gatedConn) listen(p []byte) {
	c.mu.Lock()
	v := c.tap.Sent(p)
	c.mu.Unlock()
	if v != nil {
		c.b.violate(v.Rule, v.Detail)
	}
}

// Close resets the connection at both ends.
func (c *gatedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// finished closes the sending half.
func (c *gatedConn) finished() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		// it may be closed already
		_ = half.CloseWrite()
	}
}

// reset closes both ends.
func (c *gatedConn) reset() {
	// a pipe closes without error
	_ = c.Close()
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
