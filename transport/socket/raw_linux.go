//go:build linux && !race

package socket

import (
	"syscall"
	"unsafe"
)

// How many bytes may be moved without telling the scheduler: what takes a few
// microseconds. Sending takes longer than receiving, because on the loopback interface
// it does the receiver's work too.
const (
	rawRead  = 128 << 10
	rawWrite = 64 << 10
)

// Read reads from a non-blocking socket.
//
// A normal system call tells the runtime when it begins and ends, and the runtime takes
// the processor away if it is not back within 20 µs. Sending through the loopback
// interface often is not, although it never waits; the processor then changes hands
// twice per request for nothing. Calls that cannot block need none of that: without it
// a request costs 4% less CPU time, and the slowest one in a thousand takes a quarter
// of the time. The race detector needs the usual calls, hence the build tag.
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

// Wait waits until descriptors of an epoll instance are ready, for at most atMost
// milliseconds. Unlike a usual system call it keeps the processor meanwhile, so that
// the goroutine continues at once. So atMost should be small.
func Wait(epoll int, events []syscall.EpollEvent, atMost int) (int, error) {
	n, _, failed := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(atMost), 0, 0) //nolint:gosec // the kernel wants an address
	if failed != 0 {
		return 0, failed
	}
	return int(n), nil
}
