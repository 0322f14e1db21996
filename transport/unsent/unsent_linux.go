package unsent

import "golang.org/x/sys/unix"

// BoundSocket sets Max for a TCP socket.
func BoundSocket(fd int) {
	// This fails for Unix sockets, which have no such bound.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, Max)
}
