package serve_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// echo answers every request with its value.
type echo struct{}

func (echo) Handle(_ int64, dst []byte, r *wire.Request) []byte {
	return wire.AppendResponse(dst, wire.OK, r.Value)
}

func frame(c wire.Command, ttl int64, key, value string) []byte {
	b, err := wire.AppendRequest(nil, &wire.Request{Command: c, TTL: time.Duration(ttl), Key: []byte(key), Value: []byte(value)})
	Expect(err).NotTo(HaveOccurred())
	return b
}

// slowStats answers STATS only once it is told to, everything else as echo.
type slowStats struct {
	echo
	begun, answer chan struct{}
}

func (h slowStats) Handle(now int64, dst []byte, r *wire.Request) []byte {
	if r.Command == wire.Stats {
		h.begun <- struct{}{}
		<-h.answer
	}
	return h.echo.Handle(now, dst, r)
}

// bounded accepts connections that buffer little, whatever this system lets a buffer
// grow to.
type bounded struct{ net.Listener }

func (l bounded) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = errors.Join(c.(*net.TCPConn).SetReadBuffer(64<<10), c.(*net.TCPConn).SetWriteBuffer(64<<10))
	}
	return c, err
}

// start returns the address of a new server that h handles the requests of.
func start(h session.Handler) (*serve.Server, string) {
	GinkgoHelper()
	s := serve.NewServer(serve.ServerConfig{
		NewHandler: func(net.Conn) session.Handler { return h },
		Clock:      clock.NewMock(),
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	served := make(chan error, 1)
	go func() { served <- s.Serve(bounded{l}) }()
	DeferCleanup(func() {
		Expect(s.Close()).To(Succeed())
		Expect(<-served).To(MatchError(serve.ErrServerClosed))
	})
	return s, l.Addr().String()
}

func dial(addr string) *net.TCPConn {
	GinkgoHelper()
	c, err := net.Dial("tcp", addr)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

// converse sends all of input while it reads as many bytes as want has.
func converse(c net.Conn, input, want []byte) {
	GinkgoHelper()
	go func() { _, _ = c.Write(input) }()
	got := make([]byte, len(want))
	_, err := io.ReadFull(c, got)
	Expect(err).NotTo(HaveOccurred())
	Expect(bytes.Equal(got, want)).To(BeTrue())
}

var _ = Describe("a server", func() {
	ping := frame(wire.Ping, 0, "", "hello")
	pong := wire.AppendResponse(nil, wire.OK, []byte("hello"))

	It("does not let one connection's long request delay another", func() {
		h := slowStats{begun: make(chan struct{}), answer: make(chan struct{})}
		_, addr := start(h)
		slow := dial(addr)
		_, err := slow.Write(bytes.Join([][]byte{ping, frame(wire.Stats, 0, "", ""), ping}, nil))
		Expect(err).NotTo(HaveOccurred())
		<-h.begun
		for range 8 { // more than there are pollers
			converse(dial(addr), ping, pong)
		}
		close(h.answer)
		converse(slow, nil, bytes.Join([][]byte{pong, wire.AppendResponse(nil, wire.OK, nil), pong}, nil))
		converse(slow, ping, pong)
	})

	It("answers a request that took longer than answers may", func() {
		h := slowStats{begun: make(chan struct{}), answer: make(chan struct{})}
		clk := clock.NewMock()
		s := serve.NewServer(serve.ServerConfig{NewHandler: func(net.Conn) session.Handler { return h }, Clock: clk})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		go func() { _ = s.Serve(l) }()
		DeferCleanup(s.Close)
		c := dial(l.Addr().String())
		for range 10 {
			_, err = c.Write(frame(wire.Stats, 0, "", ""))
			Expect(err).NotTo(HaveOccurred())
			<-h.begun
			clk.Add(2 * serve.DefaultWriteTimeout)
			h.answer <- struct{}{}
			converse(c, ping, bytes.Join([][]byte{wire.AppendResponse(nil, wire.OK, nil), pong}, nil))
		}
		Expect(s.Stats().WriteTimeouts).To(BeZero())
	})

	It("continues with a client that stopped reading for a while", func() {
		_, addr := start(echo{})
		c := dial(addr)
		// After the first round, the system may let the client buffer all answers of the
		// second (32 MiB, on some).
		Expect(c.SetReadBuffer(64 << 10)).To(Succeed())
		value := bytes.Repeat([]byte("0123456789"), 1000)
		input := bytes.Repeat(frame(wire.Ping, 0, "", string(value)), 2000)
		want := bytes.Repeat(wire.AppendResponse(nil, wire.OK, value), 2000)
		for range 2 {
			written := make(chan error, 1)
			go func() {
				_, err := c.Write(input) // returns only while answers are read
				written <- err
			}()
			Consistently(written, "50ms").ShouldNot(Receive())
			converse(c, nil, want)
			Expect(<-written).To(Succeed())
		}
		converse(c, ping, pong)
	})

	It("answers each of many busy connections in order while they come and go", func() {
		s, addr := start(echo{})
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				defer GinkgoRecover()
				for i := range 10 {
					c, err := net.Dial("tcp", addr)
					Expect(err).NotTo(HaveOccurred())
					for range 10 {
						converse(c, bytes.Repeat(ping, 1+i*7), bytes.Repeat(pong, 1+i*7))
					}
					Expect(c.Close()).To(Succeed())
				}
			})
		}
		all.Wait()
		Eventually(func() int { return s.Stats().Connections }).Should(BeZero())
	})

	It("leaves no goroutine behind", func(ctx context.Context) {
		before := gleak.Goroutines()
		s := serve.NewServer(serve.ServerConfig{
			NewHandler: func(net.Conn) session.Handler { return echo{} },
			Clock:      clock.NewMock(),
		})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		clients := make([]*net.TCPConn, 10)
		for i := range clients {
			clients[i] = dial(l.Addr().String())
			converse(clients[i], ping, pong)
		}
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(ctx) }()
		for _, c := range clients {
			Expect(io.ReadAll(c)).To(BeEmpty())
			Expect(c.Close()).To(Succeed())
		}
		Expect(<-done).To(Succeed())
		Expect(<-served).To(MatchError(serve.ErrServerClosed))
		Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before))
	})
})

var _ = Describe("The limits of a server", func() {
	It("are those of its documentation, unless it is told otherwise", func() {
		Expect([]int{serve.DefaultMaxConnections, serve.DefaultMaxConnectionsPerAddress, serve.DefaultMaxInFlight}).To(Equal([]int{16384, 12288, 256 << 20}))
		Expect([]time.Duration{
			serve.DefaultFrameTimeout, serve.DefaultWriteTimeout, serve.DefaultIdleTimeout, serve.DefaultAuthTimeout,
		}).To(Equal([]time.Duration{30 * time.Second, 30 * time.Second, 10 * time.Minute, 10 * time.Second}))
	})
})
