//go:build linux && !race

package socket

import (
	"syscall"
	"unsafe"
)

// How much may be moved without telling the scheduler, in bytes: what takes a few
// microseconds. To send takes longer than to receive, for on the loopback interface
// the receiver's work is done with it.
const (
	rawRead  = 128 << 10
	rawWrite = 64 << 10
)

// Read reads from a non-blocking socket.
//
// The runtime is told before and after a usual system call, and takes the
// processor away from one that is not back within 20 µs. Sending through the
// loopback interface often is not, although it never waits; the processor then
// changes hands twice a request for nothing. Calls that cannot block need none
// of that: without it a request costs 4% less CPU time and the slowest
// one in a thousand takes a quarter of the time. The detector of data races
// wants to be told, hence the build tag.
func Read(fd int, b []byte) (int, error) {
	if len(b) == 0 || len(b) > rawRead {
		return syscall.Read(fd, b)
	}
	return raw(syscall.SYS_READ, fd, b)
}

// Write writes to a non-blocking socket, as Read reads.
func Write(fd int, b []byte) (int, error) {
	if len(b) == 0 || len(b) > rawWrite {
		return syscall.Write(fd, b)
	}
	return raw(syscall.SYS_WRITE, fd, b)
}

// raw requires that b is not empty.
func raw(call uintptr, fd int, b []byte) (int, error) {
	n, _, failed := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b))) //nolint:gosec // the kernel wants an address
	if failed != 0 {
		return -1, failed
	}
	return int(n), nil
}

// Wait waits until descriptors of an epoll instance are ready, for at most so many
// milliseconds. Unlike a usual system call it keeps the processor meanwhile, so that
// whoever is woken goes on at once; so the time had better be short.
func Wait(epoll int, events []syscall.EpollEvent, atMost int) (int, error) {
	n, _, failed := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(atMost), 0, 0) //nolint:gosec // the kernel wants an address
	if failed != 0 {
		return 0, failed
	}
	return int(n), nil
}
