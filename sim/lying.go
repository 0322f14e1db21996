package sim

import (
	"bytes"
	"net"
	"sync"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A lyingConn is the server's end of a connection where the server is hostile
// and has goroutines: what it reads goes to the product's server as it came, and
// what that answers may be replaced on its way out.
type lyingConn struct {
	net.Conn
	liar *sharedLiar

	// Guards everything below.
	mu sync.Mutex
	// Not yet a whole request.
	received []byte
	asked    []wire.Request
	// Not yet a whole answer.
	answered []byte
}

// A sharedLiar is a liar that several connections may ask.
type sharedLiar struct {
	mu sync.Mutex
	*liar
}

// Read reads for the server and takes note of the requests.
func (c *lyingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.received = append(c.received, p[:n]...)
	for {
		r, size := firstRequest(c.received)
		if size == 0 {
			return n, err
		}
		r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
		c.asked = append(c.asked, r)
		c.received = c.received[size:]
	}
}

// Write sends the server's answers, or others in their place.
func (c *lyingConn) Write(p []byte) (int, error) {
	if _, err := c.Conn.Write(c.lies(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// lies returns what is sent when the server sends p.
func (c *lyingConn) lies(p []byte) (out []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered = append(c.answered, p...)
	for {
		a, size := firstResponse(c.answered)
		if size == 0 {
			return out
		}
		start := len(out)
		out = append(out, c.answered[:size]...)
		if len(c.asked) > 0 {
			c.liar.mu.Lock()
			out = c.liar.answer(out, start, &c.asked[0], a)
			c.liar.mu.Unlock()
			c.asked = c.asked[1:]
		}
		c.answered = c.answered[size:]
	}
}
