//go:build linux

package kernel

import (
	"net"
	"os"
	"slices"
	"syscall"

	"github.com/Zezezknight/cryptomem/sim/script"
)

// A Listener is a socket that connections come to. It implements net.Listener.
type Listener struct {
	k       *Kernel
	addr    net.Addr
	parking parking
	// Connections that wait to be accepted. The kernel's lock guards it.
	waiting []*Socket
	closed  bool
}

// Listen returns a Listener at an address: a *net.TCPAddr, or a *net.UnixAddr for the
// sockets of one machine.
func (k *Kernel) Listen(at net.Addr) *Listener {
	l := &Listener{k: k, addr: at, parking: newParking()}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.listeners = append(k.listeners, l)
	return l
}

// Dial connects to l. The object tells the connection apart from all others of the
// Kernel, and is below 1<<32; from is the address of the peer. It fails if l is closed.
func (l *Listener) Dial(object uint64, from net.Addr) (*Peer, error) {
	l.k.mu.Lock()
	defer l.k.mu.Unlock()
	if l.closed || l.k.halted {
		return nil, syscall.ECONNREFUSED
	}
	s := &Socket{k: l.k, local: l.addr, remote: from, reading: newParking(), writing: newParking()}
	_, s.unix = l.addr.(*net.UnixAddr)
	s.file.object, s.file.socket = object, s
	s.peer = Peer{s, make(chan struct{}, 1), make(chan struct{}, 1)}
	l.waiting = append(l.waiting, s)
	l.parking.tell()
	return &s.peer, nil
}

// Accept implements net.Listener. Of several that wait, whose turn it is is drawn:
// they may have come at the same time.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		l.k.config.Turn(Accept, 0)
		s, err := l.accept()
		if s != nil {
			return s, nil
		}
		if err != nil {
			return nil, &net.OpError{Op: "accept", Net: l.addr.Network(), Addr: l.addr, Err: err}
		}
		if err := l.k.park(&l.parking); err != nil {
			return nil, &net.OpError{Op: "accept", Net: l.addr.Network(), Addr: l.addr, Err: err}
		}
	}
}

// accept returns nothing if there is nothing.
func (l *Listener) accept() (*Socket, error) {
	k := l.k
	k.mu.Lock()
	defer k.mu.Unlock()
	if l.closed || k.halted {
		return nil, net.ErrClosed
	}
	l.parking.seen()
	if len(l.waiting) == 0 {
		return nil, nil
	}
	draw := k.draw(Accept, 0)
	if strikes(draw, 1, k.config.Faults.Accept) {
		errno := syscall.EMFILE
		if draw&1 == 0 {
			errno = syscall.ENFILE
		}
		return nil, os.NewSyscallError("accept4", errno)
	}
	next := slices.MinFunc(l.waiting, func(x, y *Socket) int {
		if script.Draw(draw, x.file.object) < script.Draw(draw, y.file.object) {
			return -1
		}
		return 1
	})
	if err := k.install(&next.file); err != nil {
		return nil, os.NewSyscallError("accept4", err)
	}
	l.waiting = slices.DeleteFunc(l.waiting, func(s *Socket) bool { return s == next })
	return next, nil
}

// Close implements net.Listener. Who has not been accepted is reset.
func (l *Listener) Close() error {
	l.k.config.Turn(Close, 0)
	l.k.mu.Lock()
	defer l.k.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	l.parking.evict()
	for _, s := range l.waiting {
		s.broken()
	}
	l.waiting = nil
	return nil
}

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return l.addr }
