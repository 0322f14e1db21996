package serve

import (
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/Zezezknight/cryptomem/transport/socket"
	"github.com/Zezezknight/cryptomem/transport/unsent"
)

// An EpollEvent is what EpollWait reports of a descriptor.
type EpollEvent = syscall.EpollEvent

func (system) Write(fd int, b []byte) (int, error) { return socket.Write(fd, b) }

func (system) Writev(fd int, b [][]byte) (int, error) { return unix.Writev(fd, b) }

func (system) Unread(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if err != nil {
		// The socket is closed.
		return 0
	}
	return n
}

func (system) BoundUnsent(fd int) { unsent.BoundSocket(fd) }

func (system) Processors() int { return runtime.GOMAXPROCS(0) }

func (system) EpollCreate() (Epoll, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), "epoll"), nil
}

func (system) EpollCtl(epoll, op, fd int, events uint32) error {
	return syscall.EpollCtl(epoll, op, fd, &syscall.EpollEvent{Events: events, Fd: int32(fd)})
}

func (system) EpollWait(epoll int, events []EpollEvent, atMost int) (int, error) {
	if atMost == 0 {
		return syscall.EpollWait(epoll, events, 0)
	}
	return socket.Wait(epoll, events, atMost)
}
