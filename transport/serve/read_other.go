//go:build !unix

package serve

// initRead sets how the connection is read.
func (c *serverConn) initRead() {
	c.read = func() (int, error) { return c.Read(c.session.Buffer()) }
}

// arrived and readArrived would tell and read what the connection has received
// and not handed out yet, which this system cannot without waiting.
func (c *serverConn) arrived() int { return 0 }

func (c *serverConn) readArrived(int) (int, error) { return 0, nil }

// awaitInterruption would wait for the connection's deadline.
func (c *serverConn) awaitInterruption() {}
