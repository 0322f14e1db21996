//go:build linux

package kernel

import (
	"cmp"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/Zezezknight/cryptomem/transport/serve"
)

// An epoll is an epoll instance. Registrations are level-triggered: a descriptor is
// told of for as long as there is something.
type epoll struct {
	k    *Kernel
	file file
	// For callers that wait without a thread.
	parking parking
	// For callers that wait with one; a token means that something has come.
	news chan struct{}
	// In the order of their objects.
	watched []*Socket
}

// epolls' objects are told apart by the order in which they are made.
const epollObjects = 1 << 32

// EpollCreate implements serve.Kernel.
func (k *Kernel) EpollCreate() (serve.Epoll, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := &epoll{k: k, parking: newParking(), news: make(chan struct{}, 1)}
	e.file.epoll = e
	if err := k.install(&e.file); err != nil {
		return nil, err
	}
	e.file.object = epollObjects + uint64(e.file.fd)
	return e, nil
}

// SyscallConn implements syscall.Conn.
func (e *epoll) SyscallConn() (syscall.RawConn, error) {
	return &loan{e.k, &e.file, &e.parking, &e.parking}, nil
}

// Close implements io.Closer.
func (e *epoll) Close() error {
	e.k.mu.Lock()
	defer e.k.mu.Unlock()
	e.parking.evict()
	return e.k.close(&e.file)
}

// gone ends watching anything: the descriptor is closed. It requires k.mu.
func (e *epoll) gone() {
	for _, s := range e.watched {
		s.watcher = nil
	}
	e.watched = nil
}

// tell wakes the callers that wait for a watched socket.
func (e *epoll) tell() {
	e.parking.tell()
	e.wake()
}

func (e *epoll) wake() {
	select {
	case e.news <- struct{}{}:
	default:
	}
}

// forget ends watching a socket.
func (e *epoll) forget(s *Socket) {
	s.watcher = nil
	e.watched = slices.DeleteFunc(e.watched, func(o *Socket) bool { return o == s })
}

// EpollCtl implements serve.Kernel.
func (k *Kernel) EpollCtl(epfd, op, fd int, events uint32) error {
	if op == syscall.EPOLL_CTL_ADD {
		k.config.Turn(Add, k.objectOf(fd))
	}
	err := k.register(epfd, op, fd, events)
	if op == syscall.EPOLL_CTL_ADD {
		// much may happen before its caller goes on
		k.config.Turn(Add, k.objectOf(fd))
	}
	return err
}

func (k *Kernel) register(epfd, op, fd int, events uint32) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	ep, err := k.lent("epoll_ctl", epfd)
	if err != nil || ep.epoll == nil {
		return syscall.EBADF
	}
	e := ep.epoll
	f, err := k.lent("epoll_ctl", fd)
	if err != nil || f.socket == nil {
		return syscall.EBADF
	}
	s := f.socket
	switch {
	case op == syscall.EPOLL_CTL_ADD && s.watcher == e:
		return syscall.EEXIST
	case op == syscall.EPOLL_CTL_ADD && s.watcher != nil:
		k.config.Misuse(fmt.Sprintf("descriptor %d is added to a second epoll instance", fd))
	case op == syscall.EPOLL_CTL_ADD:
		s.watcher, s.events = e, events
		at, _ := slices.BinarySearchFunc(e.watched, s, func(x, y *Socket) int { return cmp.Compare(x.file.object, y.file.object) })
		e.watched = slices.Insert(e.watched, at, s)
		if s.poll() != 0 {
			e.tell()
		}
	case s.watcher != e:
		return syscall.ENOENT
	default:
		e.forget(s)
	}
	return nil
}

// EpollWait implements serve.Kernel.
func (k *Kernel) EpollWait(epfd int, events []serve.EpollEvent, atMost int) (int, error) {
	k.config.Turn(Wait, k.objectOf(epfd))
	k.mu.Lock()
	f, err := k.lent("epoll_wait", epfd)
	if err != nil || f.epoll == nil {
		k.mu.Unlock()
		return 0, syscall.EBADF
	}
	draw := k.draw(Wait, f.object)
	e := f.epoll
	e.parking.seen()
	n := e.collect(events, draw)
	if n == 0 && atMost > 0 && strikes(draw, 1, k.config.Faults.Interrupt) {
		k.mu.Unlock()
		return 0, syscall.EINTR
	}
	k.mu.Unlock()
	if n == 0 && atMost > 0 {
		n = e.await(events, draw, time.Duration(atMost)*time.Millisecond)
	}
	if n > 0 {
		// what was true may be so no more when its caller goes on
		k.config.Turn(Waited, f.object)
	}
	return n, nil
}

// await waits until there is something, or for so long.
func (e *epoll) await(events []serve.EpollEvent, draw uint64, atMost time.Duration) int {
	timer := e.k.config.Clock.Timer(atMost)
	defer timer.Stop()
	for over := false; ; {
		select {
		case <-e.news:
		case <-timer.C:
			over = true
		}
		e.k.config.Turn(Wait, e.file.object) // more may have come by then
		e.k.mu.Lock()
		n := e.collect(events, draw)
		over = over || e.k.halted
		e.k.mu.Unlock()
		if n > 0 || over {
			return n
		}
	}
}

// collect tells of what is there, in an order that is drawn, and perhaps of something
// that is not. It requires k.mu.
func (e *epoll) collect(events []serve.EpollEvent, draw uint64) (n int) {
	select {
	case <-e.news: // and is seen now
	default:
	}
	from, spurious := 0, strikes(draw, 2, e.k.config.Faults.Spurious)
	if len(e.watched) > 0 {
		from = int(draw % uint64(len(e.watched)))
	}
	for i := range e.watched {
		s := e.watched[(from+i)%len(e.watched)]
		is := s.poll()
		if is == 0 && n > 0 && spurious {
			is, spurious = syscall.EPOLLIN, false
		}
		if is != 0 && n < len(events) {
			events[n] = serve.EpollEvent{Events: is, Fd: int32(s.file.fd)}
			n++
		}
	}
	return n
}
