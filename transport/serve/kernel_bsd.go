//go:build unix && !linux

package serve

import "syscall"

func (system) Unread(fd int) int {
	var b [1]byte
	if n, _, err := syscall.Recvfrom(fd, b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT); err != nil || n == 0 {
		return 0
	}
	// The most that its buffer may hold.
	return 8 << 20
}
