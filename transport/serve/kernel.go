package serve

import (
	"net"
	"syscall"
)

// A Kernel makes the system calls on sockets that a Server makes without
// net.Conn and net.Listener: those that must not wait, and those that wait
// for many connections at once. The default is the operating system; a simulator
// brings its own, with connections of its own.
//
// Descriptors are those that syscall.RawConn passes to its callbacks, and are used
// only during the callback. Errors are those of the system, syscall.Errno: EAGAIN
// means that the call would have to wait. Methods are called concurrently.
type Kernel interface {
	// Socket returns the RawConn of a plain stream socket; nil for any other
	// connection, such as one with TLS over its socket.
	Socket(conn net.Conn) (syscall.RawConn, error)
	// Read and Write read from and write to a non-blocking socket, and Writev writes
	// several pieces as one.
	Read(fd int, b []byte) (int, error)
	Write(fd int, b []byte) (int, error)
	Writev(fd int, b [][]byte) (int, error)
	// Unread returns how many received bytes of a socket have not been read, or
	// more; 0 if there are none.
	Unread(fd int) int
	// BoundUnsent limits how much the socket accepts before sending it, on systems
	// that have such a limit.
	BoundUnsent(fd int)

	// Processors is how many pollers can work at once.
	Processors() int
	// EpollCreate returns a new epoll instance, or errors.ErrUnsupported where there is
	// none. Waiting in a Read of its RawConn blocks no thread.
	EpollCreate() (Epoll, error)
	// EpollCtl is epoll_ctl(2). The event's data is the descriptor.
	EpollCtl(epoll, op, fd int, events uint32) error
	// EpollWait is epoll_wait(2), which waits for at most so many milliseconds.
	EpollWait(epoll int, events []EpollEvent, atMost int) (int, error)
}

// An Epoll is an epoll instance. Closing it ends every wait for it.
type Epoll interface {
	syscall.Conn
	Close() error
}

// System returns the operating system, the default Kernel.
func System() Kernel { return system{} }

// system is the operating system.
type system struct{}
