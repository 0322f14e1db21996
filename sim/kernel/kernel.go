//go:build linux

package kernel

import (
	"fmt"
	"math"
	"net"
	"sync"
	"syscall"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/serve"
)

// A Config configures a Kernel.
type Config struct {
	Seed uint64
	// What waiting in epoll goes by.
	Clock clock.Clock
	// Processors that pollers may have.
	Processors int
	// Receive and Send are the sizes of a socket's buffers, in bytes.
	Receive, Send int
	// Descriptors that may be open at once; 0 for no limit.
	Descriptors int
	Faults      Faults
	// Turn waits until it is the turn of a call on an object; nil if calls need not
	// wait.
	Turn func(call Call, object uint64)
	// Misuse is told of calls that no correct program makes, such as one on a
	// descriptor that is not lent.
	Misuse func(what string)
}

// Faults are the frequencies of faults, in percent of calls.
type Faults struct {
	Interrupt int // EINTR
	Again     int // EAGAIN although there is something
	Partial   int // less than there is, or room for
	Spurious  int // epoll tells of what is not there
	Accept    int // a connection cannot be accepted: EMFILE or ENFILE
}

// A Call is a kind of system call, or of what the standard library does with one.
type Call uint64

// The calls that take turns.
const (
	Borrow Call = iota + 1 // a socket's descriptor
	Read
	Write
	Add    // a descriptor to an epoll instance
	Wait   // for an epoll instance
	Waited // and return from that
	Accept
	Close
	Shut // the sending half
	Deadline
	WriteDeadline // alone, as TLS sets it at its end
)

// A Kernel simulates the kernel of one machine. It implements serve.Kernel and is
// safe for concurrent use.
type Kernel struct {
	config Config

	// Guards everything below, and all that belongs to the Kernel's sockets.
	mu sync.Mutex
	// By number; nil where one is free.
	files     []*file
	listeners []*Listener
	open      int
	// How many descriptors were given out that had been another file's before.
	reused int
	calls  map[[2]uint64]uint64
	// Every call fails, so that all goroutines end.
	halted bool
}

var _ serve.Kernel = (*Kernel)(nil)

// A file is what a descriptor stands for.
type file struct {
	fd int
	// Tells objects apart, in every run in the same way.
	object uint64
	// One of them.
	socket *Socket
	epoll  *epoll
	// How many use it now.
	lent    int
	closing bool
}

// firstDescriptor is behind those that a process has from its beginning.
const firstDescriptor = 3

// New returns a Kernel that has nothing open.
func New(c Config) *Kernel {
	if c.Turn == nil {
		c.Turn = func(Call, uint64) {}
	}
	if c.Misuse == nil {
		c.Misuse = func(string) {}
	}
	return &Kernel{config: c, files: make([]*file, firstDescriptor), calls: map[[2]uint64]uint64{}}
}

// Open returns how many descriptors are open.
func (k *Kernel) Open() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.open
}

// Reused returns how many descriptors had been another file's before.
func (k *Kernel) Reused() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.reused
}

// Halt makes every call fail from now on, and wakes the waiting ones.
func (k *Kernel) Halt() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.halted = true
	for _, l := range k.listeners {
		l.parking.evict()
		for _, s := range l.waiting {
			s.evict()
		}
	}
	for _, f := range k.files {
		switch {
		case f == nil:
		case f.socket != nil:
			f.socket.evict()
		case f.epoll != nil:
			f.epoll.parking.evict()
			f.epoll.wake()
		}
	}
}

// install gives a file the lowest descriptor that is free. It requires mu.
func (k *Kernel) install(f *file) error {
	if k.config.Descriptors > 0 && k.open >= k.config.Descriptors {
		return syscall.EMFILE
	}
	fd := firstDescriptor
	for fd < len(k.files) && k.files[fd] != nil {
		fd++
	}
	if fd < len(k.files) {
		k.reused++
	} else {
		k.files = append(k.files, nil)
	}
	f.fd = fd
	k.files[fd] = f
	k.open++
	return nil
}

// borrow lends f's descriptor, and gives it back.
func (k *Kernel) borrow(f *file) error {
	if f.socket != nil {
		k.config.Turn(Borrow, f.object)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if f.closing || k.halted {
		return net.ErrClosed
	}
	f.lent++
	return nil
}

func (k *Kernel) giveBack(f *file) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f.lent--
	k.release(f)
}

// close closes f once no call uses it any more, as the standard library does. It
// requires mu.
func (k *Kernel) close(f *file) error {
	if f.closing {
		return net.ErrClosed
	}
	f.closing = true
	k.release(f)
	return nil
}

// release requires mu.
func (k *Kernel) release(f *file) {
	if !f.closing || f.lent > 0 || k.files[f.fd] != f {
		return
	}
	k.files[f.fd] = nil
	k.open--
	if f.socket != nil {
		f.socket.gone()
	} else {
		f.epoll.gone()
	}
}

// lent returns the file that a call is about, which must be lent. It requires mu.
func (k *Kernel) lent(what string, fd int) (*file, error) {
	switch {
	case k.halted:
		return nil, syscall.EBADF
	case fd < 0 || fd >= len(k.files) || k.files[fd] == nil:
		k.config.Misuse(fmt.Sprintf("%s on descriptor %d, which is not open", what, fd))
		return nil, syscall.EBADF
	case k.files[fd].lent == 0:
		k.config.Misuse(fmt.Sprintf("%s on descriptor %d, which its connection has not lent", what, fd))
	}
	return k.files[fd], nil
}

// draw returns a number that belongs to this call on this object. It requires mu.
func (k *Kernel) draw(call Call, object uint64) uint64 {
	k.calls[[2]uint64{uint64(call), object}]++
	return script.Draw(k.config.Seed, uint64(call), object, k.calls[[2]uint64{uint64(call), object}])
}

// strikes reports whether a fault of that frequency strikes, by a part of a draw.
func strikes(draw uint64, part, percent int) bool {
	return int(script.Draw(draw, uint64(part))%100) < percent
}

// share returns at most n, and at least 1, by a draw: half of the time a few bytes.
func share(draw uint64, n int) int {
	if n <= 1 {
		return n
	}
	if draw&1 == 0 {
		n = min(n, math.MaxUint8)
	}
	return 1 + int(draw>>1%uint64(n))
}

// Processors implements serve.Kernel.
func (k *Kernel) Processors() int { return k.config.Processors }

// BoundUnsent implements serve.Kernel: buffers here do not grow.
func (k *Kernel) BoundUnsent(fd int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, _ = k.lent("setsockopt", fd)
}

// Socket implements serve.Kernel.
func (k *Kernel) Socket(conn net.Conn) (syscall.RawConn, error) {
	if s, ok := conn.(*Socket); ok {
		return s.SyscallConn()
	}
	return nil, nil
}

// Unread implements serve.Kernel.
func (k *Kernel) Unread(fd int) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, err := k.lent("ioctl", fd)
	if err != nil || f.socket == nil {
		return 0
	}
	return f.socket.in.len()
}

// Read implements serve.Kernel.
func (k *Kernel) Read(fd int, b []byte) (int, error) {
	return k.transfer(Read, "read", fd, func(s *Socket) (int, error) { return s.read(b) })
}

// Write implements serve.Kernel.
func (k *Kernel) Write(fd int, b []byte) (int, error) {
	return k.transfer(Write, "write", fd, func(s *Socket) (int, error) { return s.write(b) })
}

// Writev implements serve.Kernel.
func (k *Kernel) Writev(fd int, b [][]byte) (int, error) {
	return k.transfer(Write, "writev", fd, func(s *Socket) (n int, err error) {
		for _, piece := range b {
			var sent int
			sent, err = s.write(piece)
			n += max(sent, 0)
			if sent < len(piece) {
				break
			}
		}
		if n > 0 {
			err = nil
		}
		return n, err
	})
}

// transfer moves bytes on a socket when it is time.
func (k *Kernel) transfer(call Call, name string, fd int, move func(*Socket) (int, error)) (int, error) {
	k.config.Turn(call, k.objectOf(fd))
	k.mu.Lock()
	defer k.mu.Unlock()
	f, err := k.lent(name, fd)
	if err != nil {
		return -1, err
	}
	if f.socket == nil {
		return -1, syscall.EINVAL
	}
	return move(f.socket)
}

// objectOf identifies the goroutine that waits for the turn of a call on a descriptor.
func (k *Kernel) objectOf(fd int) uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if fd < 0 || fd >= len(k.files) || k.files[fd] == nil {
		return 0
	}
	return k.files[fd].object
}
