//go:build unix && !linux

package serve

import "syscall"

// unread returns no less than a socket has received that nobody has read: if
// there is anything, what its buffer may hold.
func unread(fd int) int {
	var b [1]byte
	if n, _, err := syscall.Recvfrom(fd, b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT); err != nil || n == 0 {
		return 0
	}
	return 8 << 20
}
