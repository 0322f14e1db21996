package pipeline_test

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/pipeline"
)

// A countingConn counts writes. It has a socket buffer of the system, as its
// SyscallConn tells.
type countingConn struct {
	*net.TCPConn
	writes atomic.Int32
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.TCPConn.Write(b)
}

var _ = Describe("A reading goroutine that hands out several answers", func() {
	var (
		near *countingConn
		conn *pipeline.Conn
	)
	BeforeEach(func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer l.Close() //nolint:errcheck // its one connection is there
		dialled, err := net.Dial("tcp", l.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		far, err := l.Accept()
		Expect(err).NotTo(HaveOccurred())
		near = &countingConn{TCPConn: dialled.(*net.TCPConn)}
		conn = pipeline.NewConn(near, clock.NewMock(), pipeline.EngineLimits{})
		DeferCleanup(func() {
			_ = conn.Close()
			_ = far.Close()
		})
	})

	// ask submits a call and returns when its caller would only wait for the answer.
	ask := func(size int) {
		GinkgoHelper()
		before := pipeline.InFlight(conn)
		call := get("k")
		call.Request.Value = make([]byte, size)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- conn.Do(ctx, call) }()
		Eventually(func() int { return pipeline.InFlight(conn) }).Should(Equal(before + 1))
		cancel()
		Eventually(ended).Should(Receive(MatchError(context.Canceled)))
	}

	It("writes the next requests of all whom it wakes, at once", func() {
		Expect(pipeline.TakeTurn(conn, 5)).To(BeTrue())
		for range 5 {
			ask(0)
		}
		Expect(near.writes.Load()).To(BeZero(), "as they leave it to the reader")
		pipeline.WriteTurn(conn)
		Expect(near.writes.Load()).To(BeEquivalentTo(1))
		Expect(pipeline.Left(conn)).To(BeTrue())
		ask(0)
		Expect(near.writes.Load()).To(BeEquivalentTo(2), "since its turn is over")
	})

	It("leaves to the writing goroutine what may block", func() {
		Expect(pipeline.TakeTurn(conn, 5)).To(BeTrue())
		ask(64 << 10)
		Expect(pipeline.Left(conn)).To(BeFalse())
		pipeline.WriteTurn(conn)
		Eventually(func() bool { return pipeline.Left(conn) }).Should(BeTrue())
	})

	It("takes no turn for a single caller, nor while a write may block", func() {
		Expect(pipeline.TakeTurn(conn, 1)).To(BeFalse())
		ask(64 << 10)
		Expect(pipeline.TakeTurn(conn, 5)).To(BeFalse())
	})
})
