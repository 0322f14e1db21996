package serve

import (
	"io"
	"net"
	"slices"
	"sync"
	"syscall"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// watchful is the system, and notes what it is told to poll.
type watchful struct {
	Kernel
	// onAdd, if not nil, is called instead of adding, which is what add does.
	onAdd func(add func() error) error
	// arrives, if not nil, fills what is read from a socket.
	arrives func(b []byte)

	mu  sync.Mutex
	ops []int
}

func (w *watchful) EpollCtl(epoll, op, fd int, events uint32) error {
	w.mu.Lock()
	w.ops = append(w.ops, op)
	w.mu.Unlock()
	control := func() error { return w.Kernel.EpollCtl(epoll, op, fd, events) }
	if op == syscall.EPOLL_CTL_ADD && w.onAdd != nil {
		return w.onAdd(control)
	}
	return control()
}

func (w *watchful) Read(fd int, b []byte) (int, error) {
	if w.arrives == nil {
		return w.Kernel.Read(fd, b)
	}
	w.arrives(b)
	return len(b), nil
}

func (w *watchful) told() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.ops)
}

// ponged answers every request OK.
type ponged struct{}

func (ponged) Handle(_ int64, dst []byte, _ *wire.Request) []byte {
	return wire.AppendResponse(dst, wire.OK, nil)
}

var _ = Describe("a connection that is given to a poller", func() {
	var (
		kernel *watchful
		c      *serverConn
		client net.Conn
		fd     int
	)

	BeforeEach(func() {
		kernel = &watchful{Kernel: System()}
		s := NewServer(ServerConfig{NewHandler: func(net.Conn) session.Handler { return ponged{} }, Clock: clock.NewMock(), Kernel: kernel})
		pollers, err := newPollers(s)
		Expect(err).NotTo(HaveOccurred())
		s.pollers = pollers
		DeferCleanup(pollers.close)

		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer l.Close() //nolint:errcheck // its one connection is there
		client, err = net.Dial("tcp", l.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		accepted, err := l.Accept()
		Expect(err).NotTo(HaveOccurred())
		c = s.enter(accepted)
		c.handler = ponged{}
		c.initRead()
		Expect(c.raw.Control(func(d uintptr) { fd = int(d) })).To(Succeed())
		DeferCleanup(func() {
			Expect(client.Close()).To(Succeed())
			Eventually(func() int { return s.Stats().Connections }).Should(BeZero(), "it is noticed that the client has left")
		})
	})

	// add has a poller wait for c, as its owner would.
	add := func() bool {
		GinkgoHelper()
		return c.server.pollers.of(fd).add(fd, c)
	}

	It("belongs to that poller, which notices what comes", func() {
		ping, err := wire.AppendRequest(nil, &wire.Request{Command: wire.Ping})
		Expect(err).NotTo(HaveOccurred())
		Expect(add()).To(BeTrue())
		Expect(Attended(c.server)).To(BeZero())
		_, err = client.Write(ping[:1])
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() int64 { return c.server.counters.received.Load() }).Should(BeEquivalentTo(1))
	})

	It("may have the next descriptor after all that there were", func() {
		c.server.pollers.of(fd).conns = make([]*serverConn, fd)
		Expect(add()).To(BeTrue())
	})

	It("is told to the kernel once", func() {
		Expect(add()).To(BeTrue())
		Expect(kernel.told()).To(Equal([]int{syscall.EPOLL_CTL_ADD}))
	})

	It("stays with its owner if the kernel does not poll it", func() {
		kernel.onAdd = func(func() error) error { return syscall.ENOSPC }
		Expect(add()).To(BeFalse())
		Expect(Attended(c.server)).To(Equal(1))
		Expect(c.polled.Load()).To(BeFalse())
		go c.resume(nil)
	})

	It("goes to a goroutine of its own, once, if it was interrupted and is not polled either", func() {
		kernel.onAdd = func(func() error) error {
			c.unpoll()
			return syscall.EBADF
		}
		Expect(add()).To(BeTrue(), "it is no longer the caller's")
		Expect(Attended(c.server)).To(Equal(1))
	})

	It("does not remain with the kernel if it was dropped just before it came there", func() {
		kernel.onAdd = func(add func() error) error {
			c.poller.remove(c)
			return add()
		}
		Expect(add()).To(BeTrue())
		Expect(kernel.told()).To(Equal([]int{syscall.EPOLL_CTL_ADD, syscall.EPOLL_CTL_DEL, syscall.EPOLL_CTL_DEL}))
		c.unpoll()
	})

	It("has no more of a large value read in one turn than is fair to others", func() {
		set, err := wire.AppendRequest(nil, &wire.Request{Command: wire.Set, Key: []byte("k"), Value: make([]byte, 16*uploadTurn)})
		Expect(err).NotTo(HaveOccurred())
		kernel.arrives = func(b []byte) { set = set[copy(b, set):] }
		c.session = session.New(ponged{}, session.Limits{MaxValueSize: 16 * uploadTurn})
		Expect(c.raw.Control(c.serveReady)).To(Succeed())
		Expect(c.server.counters.received.Load()).To(And(BeNumerically(">=", uploadTurn), BeNumerically("<=", 2*uploadTurn)))
		kernel.arrives = nil
		go c.resume(nil)
	})

	It("has received nothing once it is closed", func() {
		Expect(c.Close()).To(Succeed())
		n, err := c.readArrived(10)
		Expect(err).To(HaveOccurred())
		Expect(n).To(BeZero())
		c.server.leave(c)
	})

	It("ends at once if its time was over before it came there", func() {
		c.deadline.at.Store(cut)
		Expect(add()).To(BeTrue())
		ended := make(chan error, 1)
		go func() {
			_, err := client.Read(make([]byte, 1))
			ended <- err
		}()
		Eventually(ended).Should(Receive(MatchError(io.EOF)))
	})
})
