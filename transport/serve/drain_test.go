//go:build linux

package serve_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A pipeliner keeps a connection full of numbered requests until it is closed.
type pipeliner struct {
	net.Conn
	size     int           // of a request's value, in bytes
	written  atomic.Int64  // requests
	answered atomic.Int64  // the same
	room     chan struct{} // for requests that are not answered
	ended    chan struct{} // closed when it has read everything
	err      error         // how that went
}

func newPipeliner(c net.Conn, depth, size int) *pipeliner {
	p := &pipeliner{Conn: c, size: size, room: make(chan struct{}, depth), ended: make(chan struct{})}
	go p.write()
	go func() {
		defer close(p.ended)
		p.err = p.read()
		_ = p.Close()
	}()
	return p
}

// arrived returns how many requests the server's machine has for certain: those
// that the system does not keep for sending again.
func (p *pipeliner) arrived() int64 {
	GinkgoHelper()
	written := p.written.Load()
	c := p.Conn
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return written
	}
	raw, err := tcp.SyscallConn()
	Expect(err).NotTo(HaveOccurred())
	var kept int
	Expect(raw.Control(func(fd uintptr) { kept, err = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) })).To(Succeed())
	Expect(err).NotTo(HaveOccurred())
	size := wire.RequestHeaderSize + p.size // or more, with TLS
	return written - int64((kept+size-1)/size)
}

func (p *pipeliner) write() {
	value := make([]byte, p.size)
	for i := int64(0); ; i++ {
		p.room <- struct{}{}
		binary.BigEndian.PutUint64(value, uint64(i))
		request, _ := wire.AppendRequest(nil, &wire.Request{Command: wire.Ping, Value: value})
		if _, err := p.Write(request); err != nil {
			return
		}
		p.written.Store(i + 1)
	}
}

// read returns io.EOF when the stream ends behind an answer.
func (p *pipeliner) read() error {
	in := bufio.NewReaderSize(p.Conn, 64<<10)
	answer := make([]byte, wire.ResponseHeaderSize+p.size)
	for i := int64(0); ; i++ {
		if _, err := io.ReadFull(in, answer); err != nil {
			return err
		}
		r, _, err := wire.ParseResponse(answer)
		if err != nil {
			return err
		}
		if n := int64(binary.BigEndian.Uint64(r.Value)); r.Status != wire.OK || n != i {
			return fmt.Errorf("answer %d is %v to request %d", i, r.Status, n)
		}
		p.answered.Store(i + 1)
		<-p.room
	}
}

var _ = Describe("the end of a server", func() {
	var (
		clk *clock.Mock
		s   *serve.Server
	)
	ping := frame(wire.Ping, 0, "", "hello")
	pong := wire.AppendResponse(nil, wire.OK, []byte("hello"))

	// start serves on a socket of the given kind and returns how to connect.
	start := func(kind string, handlers ...session.Handler) func() net.Conn {
		GinkgoHelper()
		clk = clock.NewMock()
		var h session.Handler = echo{}
		if len(handlers) > 0 {
			h = handlers[0]
		}
		s = serve.NewServer(serve.ServerConfig{NewHandler: func(net.Conn) session.Handler { return h }, Clock: clk})
		network, addr := "tcp", "127.0.0.1:0"
		if kind == "unix" {
			network, addr = "unix", filepath.Join(GinkgoT().TempDir(), "s")
		}
		l, err := net.Listen(network, addr)
		Expect(err).NotTo(HaveOccurred())
		addr = l.Addr().String()
		switch kind {
		case "tls":
			l = tls.NewListener(l, selfSigned())
		case "polled tls":
			l = serve.NewTLSListener(l, selfSigned())
		}
		go func() { _ = s.Serve(l) }()
		DeferCleanup(func() { Expect(s.Close()).To(Succeed()) })
		return func() net.Conn {
			GinkgoHelper()
			c, err := net.Dial(network, addr)
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(func() { _ = c.Close() })
			if strings.HasSuffix(kind, "tls") {
				return tls.Client(c, &tls.Config{InsecureSkipVerify: true})
			}
			return c
		}
	}
	shutdown := func(ctx context.Context) <-chan error {
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(ctx) }()
		return done
	}

	DescribeTable("comes even if clients keep their pipelines full, and each request that has arrived is answered",
		func(ctx context.Context, kind string, depth, size int) {
			connect := start(kind)
			clients := make([]*pipeliner, 6)
			for i := range clients {
				clients[i] = newPipeliner(connect(), depth, size)
			}
			for _, p := range clients {
				Eventually(p.answered.Load).Should(BeNumerically(">", 3*depth))
			}
			arrived := make([]int64, len(clients))
			for i, p := range clients {
				arrived[i] = p.arrived()
			}
			Expect(s.Shutdown(ctx)).To(Succeed(), "though the clock stands still")
			for i, p := range clients {
				Eventually(p.ended).Should(BeClosed())
				Expect(p.err).To(BeIdenticalTo(io.EOF), "client %d", i)
				Expect(p.answered.Load()).To(BeNumerically(">=", arrived[i]), "client %d", i)
			}
		},
		Entry("over TCP", "tcp", 64, 20),
		Entry("over TCP, with deeper pipelines", "tcp", 1000, 20),
		Entry("over TCP, with larger requests", "tcp", 64, 4000),
		Entry("over TLS", "tls", 64, 20),
		Entry("over polled TLS", "polled tls", 64, 20),
		Entry("over TLS, with larger requests", "tls", 64, 4000),
		Entry("over polled TLS, with larger requests", "polled tls", 64, 4000),
		Entry("over Unix sockets", "unix", 64, 20),
		Entry("over Unix sockets, with larger requests", "unix", 64, 4000),
	)

	DescribeTable("comes even if clients never stop sending, and each sees it after its last answer",
		func(ctx context.Context, kind string) {
			connect := start(kind)
			clients := make([]*pipeliner, 3)
			for i := range clients {
				clients[i] = newPipeliner(connect(), 1<<30, 100)
			}
			for _, p := range clients {
				Eventually(p.answered.Load).Should(BeNumerically(">", 1000))
			}
			done := shutdown(ctx)
			for i, p := range clients {
				Eventually(p.ended, "20s").Should(BeClosed())
				Expect(p.err).To(BeIdenticalTo(io.EOF), "client %d", i)
			}
			Eventually(func() <-chan error {
				clk.Add(time.Second) // for connections on which the server has stopped reading
				return done
			}).Should(Receive(BeNil()))
		},
		Entry("over TCP", "tcp"),
		Entry("over TLS", "tls"),
		Entry("over polled TLS", "polled tls"),
		Entry("over Unix sockets", "unix"),
	)

	DescribeTable("does not wait for long for clients that do not notice it",
		func(ctx context.Context, kind string) {
			c := start(kind)()
			converse(c, ping, pong)
			done := shutdown(ctx)
			Eventually(func() <-chan error {
				clk.Add(time.Second)
				return done
			}).Should(Receive(BeNil()))
		},
		Entry("over TCP", "tcp"), Entry("over TLS", "tls"), Entry("over polled TLS", "polled tls"), Entry("over Unix sockets", "unix"),
	)

	It("does not wait at all for clients that have long been silent", func(ctx context.Context) {
		c := start("tcp")()
		converse(c, ping, pong)
		clk.Add(time.Minute)
		Expect(s.Shutdown(ctx)).To(Succeed())
		Expect(io.ReadAll(c)).To(BeEmpty())
	})

	It("waits for a client that has just been answered, however long that took", func(ctx context.Context) {
		h := slowStats{begun: make(chan struct{}), answer: make(chan struct{})}
		c := start("tcp", h)()
		_, err := c.Write(frame(wire.Stats, 0, "", ""))
		Expect(err).NotTo(HaveOccurred())
		<-h.begun
		clk.Add(time.Minute)
		close(h.answer)
		converse(c, nil, wire.AppendResponse(nil, wire.OK, nil))
		done := shutdown(ctx)
		_, err = io.ReadAll(c)
		Expect(err).NotTo(HaveOccurred())
		Consistently(done, "20ms").ShouldNot(Receive())
		Expect(c.Close()).To(Succeed())
		Expect(<-done).To(Succeed())
	})

	It("cuts off a client that never stops sending when its context ends", func(ctx context.Context) {
		c := start("tcp")()
		stop := make(chan struct{})
		DeferCleanup(func() { close(stop) })
		go func() { // never reads
			for {
				if _, err := c.Write(ping); err != nil {
					return
				}
			}
		}()
		Eventually(func() int64 { return s.Stats().BytesSent }).Should(BeNumerically(">", 1000))
		ctx, cancel := context.WithCancel(ctx)
		done := shutdown(ctx)
		Consistently(done, "50ms").ShouldNot(Receive())
		cancel()
		Expect(errors.Is(<-done, context.Canceled)).To(BeTrue())
		Expect(s.Stats().Connections).To(BeZero())
	})

	It("lets a client that was refused read why", func(ctx context.Context) {
		c := start("tcp")()
		_, err := c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() uint64 { return s.Stats().FramingErrors }).Should(BeEquivalentTo(1))
		done := shutdown(ctx)
		_, err = c.Write(make([]byte, 1<<20))
		Expect(err).NotTo(HaveOccurred())
		Expect(io.ReadAll(c)).To(ContainSubstring("bad magic"))
		Expect(c.Close()).To(Succeed())
		Expect(<-done).To(Succeed())
	})
})
