package serve

import (
	"net"
	"syscall"
)

// A Kernel makes the system calls on sockets that a Server makes itself, past
// net.Conn and net.Listener: those that must not wait, and those by which it waits
// for many connections at once. The default is the operating system; a simulator
// brings its own, with connections of its own.
//
// Descriptors are those that connections lend by syscall.RawConn, and calls on them
// are made only while they are lent. Errors are those of the system, syscall.Errno:
// EAGAIN says that there is nothing to be had now. Methods are called concurrently.
type Kernel interface {
	// Socket returns what lends the descriptor of a stream socket that nothing lies
	// over, such as TLS; nil for any other connection.
	Socket(conn net.Conn) (syscall.RawConn, error)
	// Read and Write read from and write to a non-blocking socket, and Writev writes
	// several pieces as one.
	Read(fd int, b []byte) (int, error)
	Write(fd int, b []byte) (int, error)
	Writev(fd int, b [][]byte) (int, error)
	// Unread returns how many bytes a socket has received that nobody has read, or
	// more; 0 if it has none.
	Unread(fd int) int
	// BoundUnsent bounds what the socket takes before it is on its way, where that
	// can be.
	BoundUnsent(fd int)

	// Processors is how many pollers can work at once.
	Processors() int
	// EpollCreate returns a new epoll instance; errors.ErrUnsupported where there is
	// no such thing. To wait in a Read of its RawConn takes no thread.
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
