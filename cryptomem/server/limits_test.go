package server_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// heap returns the bytes that live objects take.
func heap() int64 {
	for range 3 { // pools keep what they hold for two
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func send(c net.Conn, b []byte) {
	GinkgoHelper()
	_, err := c.Write(b)
	Expect(err).NotTo(HaveOccurred())
}

var _ = Describe("a server under attack", func() {
	var clk *clock.Mock
	var s *server.Server
	var addr string
	start := func(c server.Config) {
		GinkgoHelper()
		clk = clock.NewMock()
		c.Clock = clk
		s = newServer(c)
		addr = listen(s)
	}
	expectService := func() {
		GinkgoHelper()
		c := dial(addr)
		status, value := ask(c, request(wire.Ping, "", "still here"))
		Expect(status).To(Equal(wire.OK))
		Expect(value).To(Equal("still here"))
		Expect(c.Close()).To(Succeed())
	}

	It("ends a thousand requests that never arrive whole, and serves others meanwhile", func() {
		start(server.Config{})
		before := heap()
		slow := make([]*net.TCPConn, 1000)
		for i := range slow {
			slow[i] = dial(addr)
			send(slow[i], []byte("CM"))
		}
		Eventually(func() int64 { return s.Stats().BytesReceived }).Should(BeEquivalentTo(2000))
		Expect(heap()-before).To(BeNumerically("<", 1000*(6<<10)), "with both ends of each connection in this process")
		expectService()
		clk.Add(serve.DefaultFrameTimeout - 1)
		Expect(s.Stats().FrameTimeouts).To(BeZero())
		clk.Add(1)
		for _, c := range slow {
			status, message := readAnswer(c)
			Expect(status).To(Equal(wire.Error))
			Expect(message).To(Equal("request did not arrive whole within 30s"))
			Expect(c.Close()).To(Succeed())
		}
		Eventually(func() int { return s.Stats().Connections }).Should(BeZero())
		Expect(s.Stats().FrameTimeouts).To(BeEquivalentTo(1000))
		Expect(heap()-before).To(BeNumerically("<", 4<<20), "memory comes back")
	})

	It("counts the time of a request from its first byte on, not from its last", func() {
		start(server.Config{FrameTimeout: 10 * time.Second})
		c := dial(addr)
		for i, b := range request(wire.Ping, "", "x")[:10] {
			send(c, []byte{b})
			Eventually(func() int64 { return s.Stats().BytesReceived }).Should(BeEquivalentTo(i + 1))
			clk.Add(time.Second)
		}
		_, message := readAnswer(c)
		Expect(message).To(Equal("request did not arrive whole within 10s"))
	})

	It("cuts clients that do not read, after bounded memory", func() {
		start(server.Config{})
		good := dial(addr)
		ask(good, request(wire.Set, "k", strings.Repeat("v", 100_000)))
		before := heap()
		flood := []byte(strings.Repeat(string(request(wire.Get, "k", "")), 1000))
		for range 20 {
			c := dial(addr)
			Expect(c.SetReadBuffer(4 << 10)).To(Succeed())
			go func() {
				for {
					if _, err := c.Write(flood); err != nil {
						return
					}
				}
			}()
		}
		// They are stuck once a lot was sent and no more is for a while.
		var sent int64
		still := 0
		Eventually(func() int {
			was := sent
			if sent = s.Stats().BytesSent; sent != was || sent < 20*100_000 {
				still = 0
			}
			still++
			return still
		}).WithPolling(50 * time.Millisecond).WithTimeout(time.Minute).Should(BeNumerically(">", 5))
		Expect(heap()-before).To(BeNumerically("<", 20*(400<<10)), "a bounded amount for each")
		expectService()
		Eventually(func() uint64 {
			clk.Add(serve.DefaultWriteTimeout)
			return s.Stats().WriteTimeouts
		}).Should(BeEquivalentTo(20))
		Eventually(func() int { return s.Stats().Connections }).Should(BeNumerically("<=", 2))
	})

	Describe("whose clients take their time to read", func() {
		// slowly sends four GETs of a large value and the request at once, and reads
		// each value within 15 seconds, which write_timeout allows.
		slowly := func(behind []byte) *net.TCPConn {
			GinkgoHelper()
			start(server.Config{})
			c := dial(addr)
			Expect(c.SetReadBuffer(32 << 10)).To(Succeed())
			const size = 1 << 20
			ask(c, request(wire.Set, "large", strings.Repeat("v", size)))
			go func() { _, _ = c.Write(append(bytes.Repeat(request(wire.Get, "large", ""), 4), behind...)) }()
			for range 4 {
				_, err := io.CopyN(io.Discard, c, 1) // the server sends this one
				Expect(err).NotTo(HaveOccurred())
				clk.Add(15 * time.Second)
				_, err = io.CopyN(io.Discard, c, wire.ResponseHeaderSize+size-1)
				Expect(err).NotTo(HaveOccurred())
			}
			return c
		}

		It("executes what is behind the answers when it comes to it, not when it arrived", func() {
			c := slowly(requestTTL(wire.Set, "k", "v", 10*time.Second))
			status, _ := readAnswer(c)
			Expect(status).To(Equal(wire.OK))
			status, _ = ask(c, request(wire.Get, "k", ""))
			Expect(status).To(Equal(wire.OK))
		})

		It("counts the time of a request from when it could be read on", func() {
			status, _ := readAnswer(slowly(request(wire.Set, "k", strings.Repeat("v", 300_000))))
			Expect(status).To(Equal(wire.OK))
			Expect(s.Stats().FrameTimeouts).To(BeZero())
		})
	})

	It("leaves little in the system's hands for a client that does not read", func() {
		start(server.Config{})
		c := dial(addr)
		Expect(c.SetReadBuffer(64 << 10)).To(Succeed())
		ask(c, request(wire.Set, "k", strings.Repeat("v", 1<<20)))
		before := s.Stats().BytesSent
		send(c, bytes.Repeat(request(wire.Get, "k", ""), 8))
		sent := func() int64 { return s.Stats().BytesSent - before }
		Eventually(sent).Should(BeNumerically(">", 64<<10))
		Consistently(sent).Should(BeNumerically("<", 1<<20))
		clk.Add(serve.DefaultWriteTimeout)
		Eventually(func() uint64 { return s.Stats().WriteTimeouts }).Should(BeEquivalentTo(1))
	})

	It("spends no memory on values of 4 GiB that are only announced", func() {
		start(server.Config{})
		before := heap()
		for range 64 {
			header := request(wire.Set, "k", "")
			copy(header[5:], "\xff\xff\xff\xff")
			send(dial(addr), append(header, strings.Repeat("x", 100_000)...))
		}
		Eventually(func() int64 { return s.Stats().BytesReceived }).Should(BeEquivalentTo(64 * 100_018))
		Expect(heap() - before).To(BeNumerically("<", 2<<20))
		expectService()
	})

	It("answers busy to a large request when memory for those is used up, and stays in step", func() {
		start(server.Config{MaxInFlight: 1 << 20})
		half := request(wire.Ping, "", strings.Repeat("v", 1<<20))
		hogs := []*net.TCPConn{dial(addr), dial(addr)}
		for i, c := range hogs {
			send(c, half[:300<<10])
			Eventually(func() int64 { return s.Stats().BytesReceived }).Should(BeEquivalentTo((i + 1) * 300 << 10))
		}
		c := dial(addr)
		status, message := ask(c, request(wire.Ping, "", strings.Repeat("v", 500<<10)))
		Expect(status).To(Equal(wire.Busy))
		Expect(message).To(ContainSubstring("memory for requests in flight is used up"))
		status, _ = ask(c, request(wire.Ping, "", "small ones need none"))
		Expect(status).To(Equal(wire.OK))
		for _, c := range hogs {
			Expect(c.Close()).To(Succeed())
		}
		Eventually(func() int64 { return s.Stats().InFlight }).Should(BeZero())
		status, _ = ask(c, request(wire.Ping, "", strings.Repeat("v", 200<<10)))
		Expect(status).To(Equal(wire.OK))
	})

	It("lets no address use up all memory for large requests", func() {
		start(server.Config{MaxInFlight: 4 << 20})
		whole := request(wire.Set, "k", strings.Repeat("v", 1<<20))
		for range 8 {
			send(dial(addr), whole[:len(whole)-1])
		}
		Eventually(func() int64 { return s.Stats().BytesReceived }).Should(BeEquivalentTo(8 * (len(whole) - 1)))
		Expect(s.Stats().InFlight).To(And(BeNumerically(">", 2<<20), BeNumerically("<=", 3<<20)))
		here, there := net.Pipe() // which has no address
		go s.ServeConn(there)
		status, _ := ask(here, request(wire.Set, "k", strings.Repeat("v", 500_000)))
		Expect(status).To(Equal(wire.OK))
		Expect(here.Close()).To(Succeed())
	})

	It("answers busy to connections over the limit, with a status that every client knows", func() {
		start(server.Config{MaxConnections: 2})
		first, second := dial(addr), dial(addr)
		ask(first, request(wire.Ping, "", ""))
		ask(second, request(wire.Ping, "", ""))
		c := dial(addr)
		status, message := ask(c, request(wire.Ping, "", ""))
		Expect(status).To(Equal(wire.Busy))
		Expect(message).To(Equal("busy: 2 connections are open, limit 2"))
		Expect(io.ReadAll(c)).To(BeEmpty(), "and closes")
		Expect(c.Close()).To(Succeed())
		c = dial(addr)
		status, message = ask(c, request(wire.Get, "k", ""))
		Expect(status).To(Equal(wire.Error))
		Expect(message).To(HavePrefix("busy: "))
		Expect(c.Close()).To(Succeed())
		Expect(s.Stats().Refused).To(BeEquivalentTo(2))
		Expect(first.Close()).To(Succeed())
		Eventually(func() int { return s.Stats().Connections }).Should(Equal(1))
		expectService()
	})

	It("limits the connections of one address", func() {
		start(server.Config{MaxConnectionsPerAddress: 1})
		ask(dial(addr), request(wire.Ping, "", ""))
		_, message := ask(dial(addr), request(wire.Ping, "", ""))
		Expect(message).To(Equal("busy: 1 connections are open from 127.0.0.1/32, limit 1"))
	})

	It("outlives a flood of connections over the limit", func() {
		start(server.Config{MaxConnections: 1})
		good := dial(addr)
		ask(good, request(wire.Ping, "", ""))
		for range 300 {
			dial(addr)
		}
		Eventually(func() uint64 { return s.Stats().Refused }).Should(BeEquivalentTo(300))
		Expect(s.Stats().Connections).To(BeNumerically("<=", 1+64))
		status, _ := ask(good, request(wire.Ping, "", ""))
		Expect(status).To(Equal(wire.OK))
		Eventually(func() int {
			clk.Add(time.Second)
			return s.Stats().Connections
		}).Should(Equal(1), "those that ask nothing are not waited for long")
	})

	It("closes a connection that stays silent", func() {
		start(server.Config{IdleTimeout: time.Minute})
		c := dial(addr)
		for range 3 {
			// The deadline moves behind an answer, and before the next one.
			ask(c, request(wire.Ping, "", ""))
			ask(c, request(wire.Ping, "", ""))
			clk.Add(59 * time.Second)
		}
		Eventually(func() uint64 {
			clk.Add(time.Minute)
			return s.Stats().IdleTimeouts
		}).Should(BeEquivalentTo(1))
		Expect(io.ReadAll(c)).To(BeEmpty())
	})

	It("survives garbage", func() {
		start(server.Config{})
		random := rand.New(rand.NewPCG(1, 2))
		for range 100 {
			garbage := make([]byte, 1+random.IntN(100_000))
			for i := range garbage {
				garbage[i] = byte(random.Uint32()) &^ 0x40 // never "C"
			}
			c := dial(addr)
			go func() { _, _ = c.Write(garbage) }()
			status, _ := readAnswer(c)
			Expect(status).To(Equal(wire.Error))
			Expect(c.Close()).To(Succeed())
		}
		Eventually(func() int { return s.Stats().Connections }).Should(BeZero())
		Expect(s.Stats().FramingErrors).To(BeEquivalentTo(100))
	})

	It("keeps to new limits from the moment that it is given them", func() {
		start(server.Config{MaxConnections: 2})
		first, second := dial(addr), dial(addr)
		ask(first, request(wire.Ping, "", ""))
		ask(second, request(wire.Ping, "", ""))
		refused := func() {
			GinkgoHelper()
			status, message := ask(dial(addr), request(wire.Ping, "", ""))
			Expect(status).To(Equal(wire.Busy))
			Expect(message).To(HavePrefix("busy: "))
		}
		refused()
		s.SetLimits(server.Config{MaxConnections: 3, IdleTimeout: time.Second})
		Expect(s.Stats().MaxConnections).To(Equal(3))
		ask(dial(addr), request(wire.Ping, "", ""))
		refused()
		s.SetLimits(server.Config{MaxConnections: 1, IdleTimeout: time.Second})
		for _, open := range []net.Conn{first, second} {
			status, _ := ask(open, request(wire.Ping, "", ""))
			Expect(status).To(Equal(wire.OK), "who is in stays in")
		}
		Eventually(func() bool { // once they wait for the next request
			clk.Add(time.Second)
			return s.Stats().IdleTimeouts >= 2
		}).Should(BeTrue())
	})

	It("forgets connections that were reset in the middle of anything", func() {
		start(server.Config{})
		whole := request(wire.Set, "k", "value")
		for cut := range whole {
			c := dial(addr)
			send(c, whole[:cut])
			Expect(c.SetLinger(0)).To(Succeed())
			Expect(c.Close()).To(Succeed())
		}
		Eventually(func() int { return s.Stats().Connections }).Should(BeZero())
		status, _ := ask(dial(addr), request(wire.Get, "k", ""))
		Expect(status).To(Equal(wire.NotFound))
	})
})

var _ = Describe("shutting a server down", func() {
	It("cuts the clients that are still there when the time for it is over", func(ctx context.Context) {
		s := newServer(server.Config{})
		addr := listen(s)
		c := dial(addr)
		ask(c, request(wire.Set, "k", strings.Repeat("v", 1<<20)))
		go func() { _, _ = c.Write([]byte(strings.Repeat(string(request(wire.Get, "k", "")), 100))) }()
		Eventually(func() int64 { return s.Stats().BytesSent }).Should(BeNumerically(">", 64<<10))
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		Expect(s.Shutdown(ctx)).To(MatchError(context.Canceled))
		Expect(s.Stats().Connections).To(BeZero())
	})

	It("refuses new connections and may be asked twice", func(ctx context.Context) {
		s := newServer(server.Config{})
		addr := listen(s)
		expect := dial(addr)
		ask(expect, request(wire.Ping, "", ""))
		done := make(chan error, 2)
		for range cap(done) {
			go func() { done <- s.Shutdown(ctx) }()
		}
		Expect(io.ReadAll(expect)).To(BeEmpty())
		Expect(expect.Close()).To(Succeed())
		Expect(<-done).To(Succeed())
		Expect(<-done).To(Succeed())
		_, err := net.Dial("tcp", addr)
		Expect(err).To(HaveOccurred())
	})
})
