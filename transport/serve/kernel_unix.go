//go:build unix

package serve

import (
	"net"
	"syscall"

	"github.com/Zezezknight/cryptomem/transport/socket"
)

func (system) Socket(conn net.Conn) (syscall.RawConn, error) {
	switch conn := conn.(type) {
	case *net.TCPConn:
		return conn.SyscallConn()
	case *net.UnixConn:
		return conn.SyscallConn()
	case piecewise:
		return conn.SyscallConn()
	}
	return nil, nil
}

func (system) Read(fd int, b []byte) (int, error) { return socket.Read(fd, b) }
