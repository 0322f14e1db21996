//go:build race

package socket

import "syscall"

// Wait waits until descriptors of an epoll instance are ready, for at most atMost
// milliseconds.
func Wait(epoll int, events []syscall.EpollEvent, atMost int) (int, error) {
	return syscall.EpollWait(epoll, events, atMost)
}
