package sim

import (
	"errors"

	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/session"
)

// An end is one end of a connection.
type end interface {
	// Takes bytes, as many as it wants now.
	receive(b []byte) int
	// There may be room to send again.
	drained()
	// The other end sends no more.
	ended()
	// The connection is gone.
	lost(err error)
}

// A conn is a connection: a client's engine or a script's raw bytes at one end,
// a session of a server at the other, and a pipe each way.
type conn struct {
	w    *world
	node *node
	// Whose it is: a client's index, or rawLane and up.
	lane     int
	client   end
	server   *serverEnd
	up, down *pipe
	gone     bool
}

const (
	rawLane = 1 << 12 // lanes of raw connections begin here
	maxRaws = 64
)

var errCut = errors.New("connection reset")

// connect opens a connection to the server, which must be up.
func (w *world) connect(lane int, to *node) *conn {
	c := &conn{w: w, node: to, lane: lane}
	c.up, c.down = newPipe(c, script.Up), newPipe(c, script.Down)
	c.server = &serverEnd{w: w, conn: c}
	c.server.enter()
	c.server.session = session.New(c.server, session.Limits{MaxValueSize: w.script.Config.MaxValueSize, Memory: to.budget, Peer: to.share(lane), Meter: to.meter})
	w.conns = append(w.conns, c)
	return c
}

func (c *conn) receive(side script.Side, b []byte) int {
	c.w.mixBytes(uint64(c.lane)<<1|uint64(side), b)
	c.w.record(c.lane, side, b)
	if side == script.Up {
		return c.server.receive(b)
	}
	return c.client.receive(b)
}

func (c *conn) drained(side script.Side) {
	if side == script.Up {
		c.client.drained()
	} else {
		c.server.drained()
	}
}

func (c *conn) ended(side script.Side) {
	if side == script.Up {
		c.server.ended()
	} else {
		c.client.ended()
	}
}

// cut resets the connection. What is under way in either direction is lost.
func (c *conn) cut(why string) {
	c.shut(errCut)
	c.w.note(c.lane, Fault, "connection reset (%s)", why)
}

// shut ends the connection for both ends.
func (c *conn) shut(err error) {
	if c.gone {
		return
	}
	c.gone = true
	c.w.drop(c)
	c.server.lost(err)
	c.client.lost(err)
}
