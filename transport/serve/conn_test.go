package serve_test

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// from is a connection with a remote address of the spec's choice.
type from struct {
	net.Conn
	address *net.TCPAddr
}

func (f from) RemoteAddr() net.Addr { return f.address }

// poor is a listener whose first calls of Accept fail.
type poor struct {
	net.Listener
	err   error
	lacks atomic.Int32
}

func (p *poor) Accept() (net.Conn, error) {
	if p.lacks.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", p.err)}
	}
	return p.Listener.Accept()
}

// lines keeps what a logger writes.
type lines struct {
	mu   sync.Mutex
	text string
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text += string(b)
	return len(b), nil
}

// values returns what the lines say of a key, in order.
func (l *lines) values(key string) (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for field := range strings.FieldsSeq(l.text) {
		if value, ok := strings.CutPrefix(field, key+"="); ok {
			all = append(all, value)
		}
	}
	return all
}

var _ = Describe("a server's connections", func() {
	var clk *clock.Mock
	var s *serve.Server
	start := func(c serve.ServerConfig) {
		clk = clock.NewMock()
		c.Clock = clk
		c.NewHandler = func(net.Conn) session.Handler { return echo{} }
		s = serve.NewServer(c)
		DeferCleanup(func() { Expect(s.Close()).To(Succeed()) })
	}

	It("count as one peer if they come from one IPv4 address or one IPv6 network", func() {
		start(serve.ServerConfig{MaxConnectionsPerAddress: 1})
		statusFrom := func(ip string) wire.Status {
			client, server := net.Pipe()
			DeferCleanup(client.Close)
			go s.ServeConn(from{server, &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}})
			_, err := client.Write(frame(wire.Ping, 0, "", ""))
			Expect(err).NotTo(HaveOccurred())
			var header [wire.ResponseHeaderSize]byte
			_, err = io.ReadFull(client, header[:])
			Expect(err).NotTo(HaveOccurred())
			return wire.Status(header[2])
		}
		Expect(statusFrom("192.0.2.1")).To(Equal(wire.OK))
		Expect(statusFrom("192.0.2.1")).To(Equal(wire.Busy))
		Expect(statusFrom("::ffff:192.0.2.1")).To(Equal(wire.Busy))
		Expect(statusFrom("192.0.2.2")).To(Equal(wire.OK))
		Expect(statusFrom("2001:db8:1:2::1")).To(Equal(wire.OK))
		Expect(statusFrom("2001:db8:1:2:ffff::9")).To(Equal(wire.Busy))
		Expect(statusFrom("2001:db8:1:3::1")).To(Equal(wire.OK))
	})

	It("are told why they are over the limit, 64 at a time, and any further one is closed at once", func() {
		start(serve.ServerConfig{MaxConnections: 1})
		connect := func() (client net.Conn) {
			client, server := net.Pipe()
			DeferCleanup(client.Close)
			before := s.Stats().Accepted + s.Stats().Refused
			go s.ServeConn(server)
			Eventually(func() uint64 { return s.Stats().Accepted + s.Stats().Refused }).Should(BeNumerically(">", before))
			return client
		}
		serving, told := connect(), connect()
		for range 63 {
			connect()
		}
		Expect(s.Stats().Connections).To(Equal(65))
		ended := make(chan error, 1)
		further := connect()
		go func() {
			_, err := further.Read(make([]byte, 1))
			ended <- err
		}()
		Eventually(ended).Should(Receive(MatchError(io.EOF)))
		Expect(s.Stats().Refused).To(BeEquivalentTo(65))
		Expect(s.Stats().Connections).To(Equal(65))

		busy := wire.AppendResponse(nil, wire.Busy, []byte("busy: 1 connections are open, limit 1"))
		converse(told, frame(wire.Ping, 0, "", ""), busy)
		Expect(io.ReadAll(told)).To(BeEmpty())
		Eventually(func() int { return s.Stats().Connections }).Should(Equal(64))
		converse(connect(), frame(wire.Ping, 0, "", ""), busy)
		converse(serving, frame(wire.Ping, 0, "", "x"), wire.AppendResponse(nil, wire.OK, []byte("x")))
	})

	It("may not take forever to shake hands", func() {
		start(serve.ServerConfig{})
		client, server := net.Pipe()
		go s.ServeConn(tls.Server(server, &tls.Config{MinVersion: tls.VersionTLS13}))
		_, err := client.Write([]byte{0x16}) // the first byte of a handshake
		Expect(err).NotTo(HaveOccurred())
		clk.Add(serve.DefaultFrameTimeout)
		_, err = io.ReadAll(client)
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() uint64 { return s.Stats().Handshakes }).Should(BeEquivalentTo(1))
		Expect(s.Stats().HandshakeTimeouts).To(BeEquivalentTo(1))
	})

	DescribeTable("are accepted again after the system had", func(err error) {
		start(serve.ServerConfig{})
		l, listening := net.Listen("tcp", "127.0.0.1:0")
		Expect(listening).NotTo(HaveOccurred())
		short := &poor{Listener: l, err: err}
		short.lacks.Store(3)
		served := make(chan error, 1)
		go func() { served <- s.Serve(short) }()
		c := dial(l.Addr().String())
		Eventually(func() uint64 {
			clk.Add(time.Second)
			return s.Stats().Accepted
		}).Should(BeEquivalentTo(1))
		converse(c, frame(wire.Ping, 0, "", "x"), wire.AppendResponse(nil, wire.OK, []byte("x")))
		Expect(s.Close()).To(Succeed())
		Expect(<-served).To(MatchError(serve.ErrServerClosed))
	},
		Entry("no file descriptors", syscall.EMFILE),
		Entry("no buffers", syscall.ENOBUFS),
		Entry("no memory", syscall.ENOMEM),
		Entry("a firewall's objection", syscall.EPERM),
		Entry("an error of the network", syscall.EPROTO),
	)

	It("are accepted after pauses that double from 5 ms to a second, until one is there", func() {
		var said lines
		start(serve.ServerConfig{Logger: slog.New(slog.NewTextHandler(&said, nil))})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		short := &poor{Listener: l, err: syscall.EMFILE}
		pauses := func() []string { return said.values("retry_in") }
		// moves lets each pause pass to its last nanosecond, and then its last one.
		moves := func(before []string, through ...time.Duration) {
			GinkgoHelper()
			for _, pause := range through {
				before = append(before, pause.String())
				Eventually(pauses).Should(Equal(before))
				lacks := short.lacks.Load()
				clk.Add(pause - 1)
				Expect(short.lacks.Load()).To(Equal(lacks), "nothing is accepted within %v", pause)
				Eventually(func() int32 { clk.Add(1); return short.lacks.Load() }).Should(BeNumerically("<", lacks))
			}
		}
		short.lacks.Store(11)
		go func() { _ = s.Serve(short) }()
		doubled := []time.Duration{5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000}
		for i := range doubled {
			doubled[i] *= time.Millisecond
		}
		moves(nil, doubled...)
		dial(l.Addr().String())
		Eventually(func() uint64 { return s.Stats().Accepted }).Should(BeEquivalentTo(1))
		short.lacks.Store(1)
		before := pauses()
		dial(l.Addr().String()) // the call of Accept that already waits
		moves(before, 5*time.Millisecond)
	})

	It("are no longer accepted once the listener is broken", func() {
		start(serve.ServerConfig{})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		broken := &poor{Listener: l, err: syscall.EBADF}
		broken.lacks.Store(1)
		Expect(s.Serve(broken)).To(MatchError(syscall.EBADF))
	})

	It("are turned away by a server that is closed", func() {
		start(serve.ServerConfig{})
		Expect(s.Close()).To(Succeed())
		client, server := net.Pipe()
		s.ServeConn(server)
		Expect(io.ReadAll(client)).To(BeEmpty())
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Serve(l)).To(MatchError(serve.ErrServerClosed))
	})

	It("have no deadlines where these are switched off", func() {
		start(serve.ServerConfig{FrameTimeout: serve.Unlimited, IdleTimeout: serve.Unlimited, WriteTimeout: serve.Unlimited})
		client, server := net.Pipe()
		go s.ServeConn(server)
		ping := frame(wire.Ping, 0, "", "x")
		for _, piece := range [][]byte{ping[:5], ping[5:]} {
			clk.Add(1000 * time.Hour)
			_, err := client.Write(piece)
			Expect(err).NotTo(HaveOccurred())
		}
		converse(client, nil, wire.AppendResponse(nil, wire.OK, []byte("x")))
		Expect(client.Close()).To(Succeed())
	})
})
