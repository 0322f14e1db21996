//go:build !unix

package serve

import (
	"errors"
	"net"
	"syscall"
)

func (system) Socket(net.Conn) (syscall.RawConn, error) { return nil, nil }

func (system) Read(int, []byte) (int, error) { return 0, errors.ErrUnsupported }

func (system) Unread(int) int { return 0 }

// initRead sets how the connection is read.
func (c *serverConn) initRead() {
	c.read = func() (int, error) { return c.Read(c.session.Buffer()) }
}

// boundUnsent would bound what the socket takes before it is on its way.
func (c *serverConn) boundUnsent() {}

// arrived and readArrived would tell and read what the connection has received
// and not handed out yet, which this system cannot without waiting.
func (c *serverConn) arrived() int { return 0 }

func (c *serverConn) readArrived(int) (int, error) { return 0, nil }

// awaitInterruption would wait for the connection's deadline.
func (c *serverConn) awaitInterruption() {}
