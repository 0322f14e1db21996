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
	c.reader = func() (int, error) { return c.Read(c.session.Buffer()) }
}

// boundUnsent does nothing: this system has no such limit.
func (c *serverConn) boundUnsent() {}

// arrived and readArrived do nothing: this system cannot tell or read what a
// connection has received without waiting.
func (c *serverConn) arrived() int { return 0 }

func (c *serverConn) readArrived(int) (int, error) { return 0, nil }

// awaitInterruption does nothing on this system.
func (c *serverConn) awaitInterruption() {}

func (c *serverConn) read() (int, error) { return c.reader() }
