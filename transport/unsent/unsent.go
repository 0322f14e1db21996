// Package unsent bounds how much the kernel accepts from a connection's writer before
// it sends it. By default Linux accepts about four megabytes. For a server, that is
// memory that none of its limits counts, for clients that read nothing. To a client
// whose request waits there for a slow line, the server seems to be silent.
package unsent

import (
	"net"
	"syscall"
)

// Max is the bound, in bytes.
const Max = 128 << 10

// Bound sets Max for a TCP connection, under TLS or not. For other connections
// it does nothing: their buffers do not grow.
func Bound(conn net.Conn) {
	// A tls.Conn has this method.
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secured.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := socket.SyscallConn(); err == nil {
		// This fails if the connection is closed, which does no harm.
		_ = raw.Control(func(fd uintptr) { BoundSocket(int(fd)) })
	}
}
