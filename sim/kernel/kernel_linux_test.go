package kernel_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/sim/kernel"
	"github.com/Zezezknight/cryptomem/transport/serve"
)

// A far is the other end of a connection, on either kernel.
type far interface {
	io.ReadWriter
	CloseWrite()
	Reset()
}

// realFar is one of the operating system's.
type realFar struct{ net.Conn }

func (f realFar) CloseWrite() {
	Expect(f.Conn.(interface{ CloseWrite() error }).CloseWrite()).To(Succeed())
}

func (f realFar) Reset() {
	if tcp, ok := f.Conn.(*net.TCPConn); ok {
		Expect(tcp.SetLinger(0)).To(Succeed())
	}
	Expect(f.Close()).To(Succeed())
}

// A socket is a server's end, and what its kernel makes of it.
type socket struct {
	kernel serve.Kernel
	conn   net.Conn
	raw    syscall.RawConn
	epoll  serve.Epoll
	far    far
	said   []string
	// What epoll tells once the peer has reset the connection.
	afterReset uint32
}

// says notes what came of a call.
func (s *socket) says(what string, n int, err error) {
	if err != nil {
		s.said = append(s.said, fmt.Sprintf("%s: %v", what, err))
		return
	}
	s.said = append(s.said, fmt.Sprintf("%s: %d", what, n))
}

func (s *socket) read(size int) {
	Expect(s.raw.Control(func(fd uintptr) {
		n, err := s.kernel.Read(int(fd), make([]byte, size))
		s.says("read", n, err)
	})).To(Succeed())
}

func (s *socket) write(text string) {
	Expect(s.raw.Control(func(fd uintptr) {
		n, err := s.kernel.Write(int(fd), []byte(text))
		s.says("write", n, err)
	})).To(Succeed())
}

func (s *socket) control(op int) {
	lent(s.epoll, func(epoll int) {
		Expect(s.raw.Control(func(fd uintptr) {
			s.says("ctl", 0, s.kernel.EpollCtl(epoll, op, int(fd), syscall.EPOLLIN|syscall.EPOLLRDHUP))
		})).To(Succeed())
	})
}

// settles waits until epoll tells of these events, as those of a real network come
// after a moment.
func (s *socket) settles(want uint32) {
	GinkgoHelper()
	Eventually(func() uint32 {
		events := make([]serve.EpollEvent, 4)
		var n int
		lent(s.epoll, func(epoll int) { n, _ = s.kernel.EpollWait(epoll, events, 0) })
		if n == 0 {
			return 0
		}
		return events[0].Events
	}).Should(Equal(want))
}

func lent(e serve.Epoll, f func(epoll int)) {
	raw, err := e.SyscallConn()
	Expect(err).NotTo(HaveOccurred())
	Expect(raw.Control(func(fd uintptr) { f(int(fd)) })).To(Succeed())
}

// tcp and unix are where servers listen.
var (
	tcp  = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	unix = &net.UnixAddr{Net: "unix", Name: "server"}
)

// onSystem returns a connection of the operating system's.
func onSystem(at net.Addr) *socket {
	where := at.String()
	if at == net.Addr(unix) {
		where = filepath.Join(GinkgoT().TempDir(), unix.Name)
	}
	l, err := net.Listen(at.Network(), where)
	Expect(err).NotTo(HaveOccurred())
	defer l.Close() //nolint:errcheck // its one connection is there
	dialled, err := net.Dial(at.Network(), l.Addr().String())
	Expect(err).NotTo(HaveOccurred())
	accepted, err := l.Accept()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _, _ = dialled.Close(), accepted.Close() })
	return open(serve.System(), accepted, realFar{dialled})
}

// onSimulated returns one of a simulated kernel's that has no faults.
func onSimulated(at net.Addr) *socket {
	k := kernel.New(kernel.Config{Clock: clock.NewMock(), Receive: 64 << 10, Send: 64 << 10, Misuse: func(what string) { Fail(what) }})
	l := k.Listen(at)
	peer, err := l.Dial(1, l.Addr())
	Expect(err).NotTo(HaveOccurred())
	accepted, err := l.Accept()
	Expect(err).NotTo(HaveOccurred())
	return open(k, accepted, peer)
}

func open(k serve.Kernel, conn net.Conn, other far) *socket {
	s := &socket{kernel: k, conn: conn, far: other}
	var err error
	s.raw, err = k.Socket(conn)
	Expect(err).NotTo(HaveOccurred())
	s.epoll, err = k.EpollCreate()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = s.epoll.Close() })
	s.afterReset = syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLHUP
	if conn.LocalAddr().Network() == "tcp" {
		s.afterReset |= syscall.EPOLLERR
	}
	return s
}

var _ = Describe("a simulated kernel", func() {
	DescribeTable("does as the real one", func(play func(s *socket)) {
		for _, at := range []net.Addr{tcp, unix} {
			By(at.Network())
			real, simulated := onSystem(at), onSimulated(at)
			play(real)
			play(simulated)
			Expect(simulated.said).To(Equal(real.said), strings.Join(real.said, "\n"))
		}
	},
		Entry("when nothing is there", func(s *socket) {
			s.control(syscall.EPOLL_CTL_ADD)
			s.control(syscall.EPOLL_CTL_ADD)
			s.settles(0)
			s.read(10)
			s.control(syscall.EPOLL_CTL_DEL)
			s.control(syscall.EPOLL_CTL_DEL)
		}),
		Entry("when bytes come, in several reads and then no more", func(s *socket) {
			s.control(syscall.EPOLL_CTL_ADD)
			_, err := s.far.Write([]byte("hello"))
			Expect(err).NotTo(HaveOccurred())
			s.settles(syscall.EPOLLIN)
			Expect(s.raw.Control(func(fd uintptr) { s.says("unread", s.kernel.Unread(int(fd)), nil) })).To(Succeed())
			s.read(3)
			s.settles(syscall.EPOLLIN)
			s.read(3)
			s.settles(0)
			s.read(3)
		}),
		Entry("when the peer ends its half, and still reads", func(s *socket) {
			s.control(syscall.EPOLL_CTL_ADD)
			s.far.CloseWrite()
			s.settles(syscall.EPOLLIN | syscall.EPOLLRDHUP)
			s.read(3)
			s.read(3)
			s.write("bye")
			answer := make([]byte, 3)
			n, err := io.ReadFull(s.far, answer)
			s.says(string(answer), n, err)
		}),
		Entry("when the peer resets the connection", func(s *socket) {
			s.control(syscall.EPOLL_CTL_ADD)
			s.far.Reset()
			s.settles(s.afterReset)
			s.read(3)
			s.read(3)
			s.write("bye")
		}),
		Entry("when the peer goes, and the server has read and written", func(s *socket) {
			s.control(syscall.EPOLL_CTL_ADD)
			_, err := s.far.Write([]byte("hello"))
			Expect(err).NotTo(HaveOccurred())
			s.settles(syscall.EPOLLIN)
			s.read(5)
			s.write("bye")
			_, err = io.ReadFull(s.far, make([]byte, 3))
			Expect(err).NotTo(HaveOccurred())
			s.far.Reset()
			s.settles(s.afterReset)
			s.write("more")
			s.write("more")
			s.read(3)
		}),
		Entry("when the server ends its half", func(s *socket) {
			s.control(syscall.EPOLL_CTL_ADD)
			s.write("bye")
			Expect(s.conn.(interface{ CloseWrite() error }).CloseWrite()).To(Succeed())
			s.write("more")
			text, err := io.ReadAll(s.far)
			s.says(string(text), len(text), err)
		}),
		Entry("when a socket is closed that has not been read to the end: the peer is reset", func(s *socket) {
			s.control(syscall.EPOLL_CTL_ADD)
			_, err := s.far.Write([]byte("hello"))
			Expect(err).NotTo(HaveOccurred())
			s.settles(syscall.EPOLLIN)
			Expect(s.conn.Close()).To(Succeed())
			s.says("control", 0, ifClosed(s.raw.Control(func(uintptr) {})))
			s.settles(0)
			_, err = s.far.Read(make([]byte, 1))
			s.says("far", 0, ifReset(err))
		}),
	)

	It("delivers what was sent over a Unix socket before it tells that the peer has not read all", func() {
		play := func(s *socket) []string {
			s.control(syscall.EPOLL_CTL_ADD)
			s.write("bye")
			_, err := s.far.Write([]byte("hello"))
			Expect(err).NotTo(HaveOccurred())
			s.far.Reset()
			s.settles(s.afterReset | syscall.EPOLLERR)
			s.read(9)
			s.read(9)
			s.read(9)
			s.write("more")
			return s.said
		}
		Expect(play(onSimulated(unix))).To(Equal(play(onSystem(unix))))
	})

	It("takes the lowest descriptor that is free, at once", func() {
		k := kernel.New(kernel.Config{Clock: clock.NewMock(), Receive: 1, Send: 1})
		l := k.Listen(tcp)
		var conns [3]net.Conn
		for i := range conns {
			_, err := l.Dial(uint64(i), l.Addr())
			Expect(err).NotTo(HaveOccurred())
			conns[i], err = l.Accept()
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(k.Open()).To(Equal(3))
		Expect(conns[1].Close()).To(Succeed())
		Expect(k.Open()).To(Equal(2))
		_, err := l.Dial(9, l.Addr())
		Expect(err).NotTo(HaveOccurred())
		_, err = l.Accept()
		Expect(err).NotTo(HaveOccurred())
		Expect(k.Reused()).To(Equal(1))
	})

	It("tells of calls on a descriptor that is not lent", func() {
		var misuse []string
		k := kernel.New(kernel.Config{Clock: clock.NewMock(), Receive: 1, Send: 1, Misuse: func(what string) { misuse = append(misuse, what) }})
		l := k.Listen(tcp)
		_, err := l.Dial(1, l.Addr())
		Expect(err).NotTo(HaveOccurred())
		conn, err := l.Accept()
		Expect(err).NotTo(HaveOccurred())
		raw, err := k.Socket(conn)
		Expect(err).NotTo(HaveOccurred())
		var kept int
		Expect(raw.Control(func(fd uintptr) { kept = int(fd) })).To(Succeed())
		_, err = k.Write(kept, []byte("x"))
		Expect(err).NotTo(HaveOccurred())
		Expect(conn.Close()).To(Succeed())
		_, err = k.Write(kept, []byte("x"))
		Expect(err).To(MatchError(syscall.EBADF))
		Expect(misuse).To(ConsistOf(ContainSubstring("has not lent"), ContainSubstring("not open")))
	})
})

func ifClosed(err error) error {
	if err != nil {
		return errors.New("closed")
	}
	return nil
}

func ifReset(err error) error {
	if errors.Is(err, syscall.ECONNRESET) {
		return syscall.ECONNRESET
	}
	return err
}
