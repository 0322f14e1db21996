package unsent

import "golang.org/x/sys/unix"

func bound(fd uintptr) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, Max) // fails for Unix sockets
}
