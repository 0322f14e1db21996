package unsent

import "golang.org/x/sys/unix"

func bound(fd uintptr) {
	// fails for Unix sockets
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, Max)
}
