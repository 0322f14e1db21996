// Package unsent bounds what the kernel takes from a connection's writer before
// it is on its way. By itself Linux takes some four megabytes: memory that no
// limit of a server counts, for clients that read nothing; and to a client whose
// request waits there for a slow line, a server that seems to be silent.
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
	// As of tls.Conn.
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secured.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := socket.SyscallConn(); err == nil {
		// fails if it is closed
		_ = raw.Control(func(fd uintptr) { BoundSocket(int(fd)) })
	}
}
