package serve

import "golang.org/x/sys/unix"

// maxUnsent is how many bytes of answers the kernel takes beyond those that are
// on their way to the client. Without a bound it takes some four megabytes for a
// client that reads nothing, in memory that no limit of the server counts.
const maxUnsent = 128 << 10

// boundUnsent sets maxUnsent for a TCP socket; for others it is not needed.
func (c *serverConn) boundUnsent() {
	if socket := c.socket(); socket != nil {
		_ = socket.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent) // fails for Unix sockets
		})
	}
}
