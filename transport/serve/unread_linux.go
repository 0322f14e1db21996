package serve

import "golang.org/x/sys/unix"

// unread returns how many bytes a socket has received that nobody has read.
func unread(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if err != nil {
		// no socket any more
		return 0
	}
	return n
}
