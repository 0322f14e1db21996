package sim

import (
	"bytes"
	"net"
	"slices"
	"sync"
	"sync/atomic"
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

	// What a connection's writer sends, how much of it is sent, and how much goes next.
	all        []byte
	sent, size int
	// Drawn for the next chunk.
	draw uint64
	// Its goroutine has left.
	gone bool
}

// chunk is what is sent next.
func (t *ticket) chunk() []byte { return t.all[t.sent : t.sent+t.size] }

// last reports whether nothing is left behind the next chunk.
func (t *ticket) last() bool { return t.sent+t.size == len(t.all) }

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
	t.open = make(chan struct{})
	g.mu.Lock()
	if t.conn == nil {
		g.passed[t.id]++
		t.id = t.id<<20 | g.passed[t.id]
	}
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

// admit lets a ticket through that next has taken out. If it is for a chunk that others
// follow, that is sent in its writer's place, which need not wake up for it.
func (g *gate) admit(t *ticket) {
	if t.conn == nil || !t.conn.forwards(t) {
		close(t.open)
		return
	}
	// before it arrives: who reads it may close the connection
	g.count(t, t.size)
	if _, err := t.conn.Conn.Write(t.all[t.sent-t.size : t.sent]); err != nil {
		// its writer finds out
		g.count(t, -t.size)
		close(t.open)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !t.gone {
		t.conn.plan(t)
		g.waiting = append(g.waiting, t)
	}
}

// count takes note that so much more is sent.
func (g *gate) count(t *ticket, size int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t.sent += size
}

func (g *gate) leave(t *ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t.gone = true
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
	to   *process
	lane int
	// Of the connections of its lane to its server.
	number uint64
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
	// writers in Write.
	writers int
	// The connection is reset in the middle of the next write.
	tear bool
	// The connection is reset before the next write.
	cut     bool
	flip    bool
	written uint64
	tap     *oracle.Wiretap

	// How much the goroutine that reads has room for; 0 while there is none.
	room atomic.Int64
}

// connect returns the two ends of a connection. It requires bubble.mu.
func (p *process) connect(lane int) (client, server *gatedConn) {
	x, y := newDuplex()
	p.dials[lane]++
	closed, once := make(chan struct{}), new(sync.Once)
	end := func(conn net.Conn, side script.Side) *gatedConn {
		return &gatedConn{
			Conn: conn, b: p.b, to: p, lane: lane, number: p.dials[lane], side: side,
			closed: closed, once: once, tap: oracle.NewWiretap(inTheClear),
		}
	}
	client, server = end(x, script.Up), end(y, script.Down)
	client.other, server.other = server, client
	return client, server
}

// addressOf is where a lane's connections come from; lane 0 is the server's. A Unix socket
// of a client has no address.
func addressOf(c *script.Config, lane int) net.Addr {
	switch {
	case c.Unix && lane == 0:
		return &net.UnixAddr{Net: "unix", Name: "/run/server"}
	case c.Unix:
		return &net.UnixAddr{Net: "unix"}
	}
	return &net.TCPAddr{IP: net.IPv4(10, 0, byte(lane>>8), byte(lane)), Port: 1024}
}

// laneAt is the lane whose connections come from an address that is no Unix socket's.
func laneAt(addr net.Addr) int {
	ip := addr.(*net.TCPAddr).IP.To4()
	return int(ip[2])<<8 | int(ip[3])
}

// RemoteAddr implements net.Conn: limits on what one address may have go by it.
func (c *gatedConn) RemoteAddr() net.Addr { return addressOf(&c.b.script.Config, c.lane) }

// identity tells those who write apart: a user may have two connections for a while.
func (c *gatedConn) identity() uint64 {
	return c.number%(1<<10)<<32 | c.link()
}

// link is one for each direction between a lane and a server.
func (c *gatedConn) link() uint64 {
	return uint64(c.to.index)<<20 | uint64(c.lane)<<1 | uint64(c.side)
}

// Write sends p in fragments, each in its turn and after its delay.
func (c *gatedConn) Write(p []byte) (n int, err error) {
	c.listen(p)
	c.with(func(c *gatedConn) { c.writers++ })
	defer c.with(func(c *gatedConn) { c.writers-- })
	for t := (&ticket{conn: c, side: c.side, all: p}); t.sent < len(p); {
		c.plan(t)
		if !c.b.gate.pass(t) {
			return t.sent, net.ErrClosed
		}
		sent, err := c.send(t)
		if t.sent += sent; err != nil {
			return t.sent, err
		}
	}
	return len(p), nil
}

// plan draws the next chunk of a ticket, and when it may be sent.
func (c *gatedConn) plan(t *ticket) {
	config, now := &c.b.script.Config, c.b.clk.Now()
	c.mu.Lock()
	c.written++
	t.id = c.identity()<<20 | c.written
	t.draw = script.Draw(c.b.script.Seed, c.link(), c.written)
	trickles := c.trickle.After(now)
	c.mu.Unlock()
	t.size = len(t.all) - t.sent
	if config.Fragment.Max > 0 {
		t.size = min(t.size, max(1, config.Fragment.Min+int(uint32(t.draw))%(config.Fragment.Max-config.Fragment.Min+1)))
	}
	if trickles {
		t.size = 1
	}
	delay := config.Delay.Min
	if spread := uint64(config.Delay.Max - config.Delay.Min); spread > 0 {
		delay += time.Duration(t.draw >> 32 * spread >> 32)
	}
	if trickles {
		delay += trickle
	}
	t.ready, t.aimed = now.Add(delay), !t.last()
}

// forwards reports whether the next chunk of a ticket can be sent without its writer:
// it is not the last one, nothing befalls it, and a reader has room for it.
func (c *gatedConn) forwards(t *ticket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !t.last() && !c.tear && !c.cut && !c.flip && c.other.room.Load() >= int64(t.size)
}

// send sends the next chunk, or lets happen to it what the script says.
func (c *gatedConn) send(t *ticket) (int, error) {
	c.mu.Lock()
	tear, cut, flip := c.tear, c.cut, c.flip
	c.flip = false
	c.mu.Unlock()
	chunk := t.chunk()
	switch {
	case cut:
		_ = c.Close()
		return 0, net.ErrClosed
	case tear:
		half, _ := c.Conn.Write(chunk[:len(chunk)/2])
		_ = c.Close()
		return half, net.ErrClosed
	case flip:
		chunk = bytes.Clone(chunk)
		bit := t.draw % uint64(8*len(chunk))
		chunk[bit/8] ^= 1 << (bit % 8)
	}
	return c.Conn.Write(chunk)
}

// Read reads what has been let through.
func (c *gatedConn) Read(p []byte) (int, error) {
	c.room.Store(int64(len(p)))
	defer c.room.Store(0)
	return c.Conn.Read(p)
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
