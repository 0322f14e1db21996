package serve_test

import (
	"fmt"
	"net"
	"runtime"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("polling", func() {
	asks := func(c net.Conn, value string) {
		GinkgoHelper()
		converse(c, frame(wire.Ping, 0, "", value), wire.AppendResponse(nil, wire.OK, []byte(value)))
	}

	It("has no goroutine for a socket that is whole requests apart from the next, and one for any other connection", func() {
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
})
