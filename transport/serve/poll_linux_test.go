package serve_test

import (
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("polling", func() {
	asks := func(c net.Conn, value string) {
		GinkgoHelper()
		converse(c, frame(wire.Ping, 0, "", value), wire.AppendResponse(nil, wire.OK, []byte(value)))
	}

	It("has no goroutine for a socket that waits between requests, and one for any other connection", func() {
		s, addr := start(echo{})
		var sockets []*net.TCPConn
		for range 5 {
			sockets = append(sockets, dial(addr))
		}
		for i, c := range sockets {
			asks(c, fmt.Sprint(i))
		}
		Eventually(func() int { return serve.Attended(s) }).Should(BeZero())

		near, far := net.Pipe()
		DeferCleanup(near.Close)
		go s.ServeConn(far)
		asks(near, "over a pipe")
		Expect(serve.Attended(s)).To(Equal(1))
		Expect(near.Close()).To(Succeed())
		Eventually(func() int { return serve.Attended(s) }).Should(BeZero())
		for _, c := range sockets {
			Expect(c.Close()).To(Succeed())
		}
		Eventually(func() int { return s.Stats().Connections }).Should(BeZero())
		Expect(serve.Attended(s)).To(BeZero())
	})

	It("keeps neither a session nor a place in the runtime's poller for a socket that waits", func() {
		s, addr := start(echo{})
		c := dial(addr)
		request := frame(wire.Ping, 0, "", "one")
		_, err := c.Write(request[:7])
		Expect(err).NotTo(HaveOccurred())
		resting := func() []int { sessions, files := serve.Kept(s); return []int{sessions, files} }
		Eventually(resting).Should(Equal([]int{1, 0}), "a request has begun")
		converse(c, request[7:], wire.AppendResponse(nil, wire.OK, []byte("one")))
		Eventually(resting).Should(Equal([]int{0, 0}))
		asks(c, "two")
		Eventually(resting).Should(Equal([]int{0, 0}))
	})

	It("has no goroutine for a Unix socket that waits either", func() {
		l, err := net.Listen("unix", filepath.Join(GinkgoT().TempDir(), "s"))
		Expect(err).NotTo(HaveOccurred())
		s := serve.NewServer(serve.ServerConfig{NewHandler: func(net.Conn) session.Handler { return echo{} }, Clock: clock.NewMock()})
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		c, err := net.Dial("unix", l.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		for range 2 {
			asks(c, "hello")
			Eventually(func() int { return serve.Attended(s) }).Should(BeZero())
		}
		Expect(s.Close()).To(Succeed())
		Expect(<-served).To(MatchError(serve.ErrServerClosed))
	})

	It("begins with one poller, and spreads connections over more when there are", func() {
		DeferCleanup(runtime.GOMAXPROCS, runtime.GOMAXPROCS(2))
		s, addr := start(echo{})
		var sockets []*net.TCPConn
		for i := range 10 {
			sockets = append(sockets, dial(addr))
			asks(sockets[i], "hello")
		}
		polled := func() []int { placed, misplaced := serve.Polled(s); return []int{placed, misplaced} }
		Eventually(polled).Should(Equal([]int{10, 0}))
		Expect(serve.Spread(s)).To(Equal(2))
		for round := range 3 {
			for i, c := range sockets {
				asks(c, fmt.Sprint(round, i))
			}
		}
		Eventually(polled).Should(Equal([]int{10, 0}))
	})

	DescribeTable("opens another poller when one hardly waits", func(waited time.Duration, open int) {
		mock := clock.NewMock()
		s := serve.NewServer(serve.ServerConfig{Clock: mock})
		mock.Add(time.Second)
		Expect(serve.OpenAfter(s, 2, waited, mock.Add)).To(Equal(open))
	},
		Entry("not while a tenth of the time is left", 20*time.Millisecond, 1),
		Entry("when next to nothing is", 5*time.Millisecond, 2),
	)

	It("reads a large value on while it fills the room that there is, up to a limit", func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer l.Close() //nolint:errcheck // its one connection is there
		far := dial(l.Addr().String())
		near, err := l.Accept()
		Expect(err).NotTo(HaveOccurred())
		flooded := make(chan struct{})
		go func() {
			defer close(flooded)
			_, _ = far.Write(make([]byte, 16<<20)) // ends when near is closed
		}()
		part := &unfinished{room: make([]byte, 16<<10)}
		arrived, _, err := serve.Turn(near, part, 4*len(part.room))
		Expect(err).NotTo(HaveOccurred())
		Expect(part.received).To(BeNumerically(">=", min(arrived, serve.UploadTurn)))
		Expect(part.received).To(BeNumerically("<", serve.UploadTurn+len(part.room)))
		Expect(near.Close()).To(Succeed())
		Eventually(flooded).Should(BeClosed())
	})
})

// unfinished is a session whose request never arrives whole.
type unfinished struct {
	serve.Session
	room     []byte
	received int
}

func (s *unfinished) Buffer() []byte                   { return s.room }
func (s *unfinished) Received(n int)                   { s.received += n }
func (s *unfinished) ExecuteQuick(int64) (bool, error) { return true, nil }
func (s *unfinished) Pending() net.Buffers             { return nil }
func (s *unfinished) Measure(int64, int64)             {}
func (s *unfinished) Release()                         {}
