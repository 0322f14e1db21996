//go:build !unix

package transport

// initRead sets how the connection is read.
func (c *serverConn) initRead() {
	c.read = func() (int, error) { return c.Read(c.session.Buffer()) }
}

// readArrived would read what the connection has received and not handed out
// yet, which this system cannot tell without waiting.
func (c *serverConn) readArrived() (int, error) { return 0, nil }
