//go:build !linux

package serve

import (
	"net"
	"syscall"
)

// Without polling, each connection has a goroutine that waits.
type (
	pollers struct{}
	polling struct{ raw syscall.RawConn }
)

func newPollers(*Server) (*pollers, error) { return nil, nil }

func (*pollers) own(conn net.Conn) net.Conn { return conn }

func (*pollers) watch(*serverConn) bool { return false }

func (*pollers) close() {}

func (c *serverConn) unpoll() {}
