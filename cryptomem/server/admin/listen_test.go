package admin_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server/admin"
)

// watchedListener sees how many of its connections are open at once, and when
// one of them is about to be written to.
type watchedListener struct {
	net.Listener
	open, most atomic.Int64
	writes     chan struct{}
}

func (l *watchedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.most.Store(max(l.most.Load(), l.open.Add(1)))
	return &watchedConn{Conn: conn, listener: l}, nil
}

type watchedConn struct {
	net.Conn
	listener *watchedListener
	closed   sync.Once
}

func (c *watchedConn) Close() error {
	c.closed.Do(func() { c.listener.open.Add(-1) })
	return c.Conn.Close()
}

func (c *watchedConn) Write(b []byte) (int, error) {
	select {
	case c.listener.writes <- struct{}{}:
	default:
	}
	return c.Conn.Write(b)
}

// onePipe is a listener with one connection, which buffers nothing.
type onePipe chan net.Conn

func (p onePipe) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p onePipe) Close() error   { close(p); return nil }
func (p onePipe) Addr() net.Addr { return &net.TCPAddr{} }

// poorListener lacks memory for its first connection.
type poorListener struct {
	net.Listener
	lacked atomic.Bool
}

func (l *poorListener) Accept() (net.Conn, error) {
	if !l.lacked.Swap(true) {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.ENOMEM)}
	}
	return l.Listener.Accept()
}

var _ = Describe("Connections to the admin listener", func() {
	var (
		clk    *clock.Mock
		source *example
		l      *watchedListener
	)
	serve := func(inner net.Listener) {
		GinkgoHelper()
		clk = clock.NewMock()
		source = newExample(clk)
		l = &watchedListener{Listener: inner, writes: make(chan struct{}, 1)}
		s := admin.New(admin.Config{Report: source.report, Clock: clk})
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		DeferCleanup(func() {
			Expect(s.Close()).To(Succeed())
			Eventually(served, patience).Should(Receive(MatchError(http.ErrServerClosed)))
		})
	}
	listen := func() {
		GinkgoHelper()
		inner, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		serve(inner)
	}
	ask := func(conn net.Conn, path string) {
		GinkgoHelper()
		_, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
		Expect(err).NotTo(HaveOccurred())
	}

	It("are so many at once, and further ones wait for one of them to end", func() {
		listen()
		clients := make([]net.Conn, admin.MaxConnections+20)
		for i := range clients {
			var err error
			clients[i], err = net.Dial("tcp", l.Addr().String())
			Expect(err).NotTo(HaveOccurred())
			ask(clients[i], "/healthz")
		}
		for _, c := range clients {
			r, err := http.ReadResponse(bufio.NewReader(c), nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(r).To(HaveHTTPStatus(http.StatusOK))
			Expect(c.Close()).To(Succeed())
		}
		Expect(l.most.Load()).To(BeNumerically("<=", admin.MaxConnections+1)) // one at the door
	})

	It("are accepted again after the system had no memory for one", func() {
		inner, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		serve(&poorListener{Listener: inner})
		conn, err := net.Dial("tcp", inner.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(conn.Close)
		ask(conn, "/healthz")
		Expect(http.ReadResponse(bufio.NewReader(conn), nil)).To(HaveHTTPStatus(http.StatusOK))
	})

	// healthy asks on a connection of its own, and returns what can be read of the
	// answer.
	healthy := func() <-chan *http.Response {
		GinkgoHelper()
		conn, err := net.Dial("tcp", l.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(conn.Close)
		ask(conn, "/healthz")
		answer := make(chan *http.Response, 1)
		go func() {
			if r, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
				answer <- r
			}
		}()
		return answer
	}

	It("that follow the feed are so many, and health checks are answered beside them", func() {
		listen()
		statuses := make(map[int]int)
		for range admin.MaxConnections {
			c, err := net.Dial("tcp", l.Addr().String())
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(c.Close)
			ask(c, "/events")
			r, err := http.ReadResponse(bufio.NewReader(c), nil)
			Expect(err).NotTo(HaveOccurred())
			statuses[r.StatusCode]++
		}
		Expect(statuses).To(Equal(map[int]int{http.StatusOK: admin.MaxStreams, http.StatusServiceUnavailable: admin.MaxConnections - admin.MaxStreams}))
		answer := healthy()
		Eventually(func() <-chan *http.Response { clk.Add(time.Second / 4); return answer }, patience).Should(Receive(HaveHTTPStatus(http.StatusOK)))
	})

	It("that ask for nothing make room for health checks", func() {
		listen()
		for range admin.MaxConnections {
			c, err := net.Dial("tcp", l.Addr().String())
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(c.Close)
			_, err = c.Write([]byte("GET / HTTP/1.1\r\nHost: "))
			Expect(err).NotTo(HaveOccurred())
		}
		answer := healthy()
		Eventually(func() <-chan *http.Response { clk.Add(time.Second / 4); return answer }, patience).Should(Receive(HaveHTTPStatus(http.StatusOK)))
	})

	It("end when their client takes nothing", func() {
		client, server := net.Pipe()
		pipe := make(onePipe, 1)
		pipe <- server
		serve(pipe)
		ask(client, "/metrics")
		Eventually(l.writes, patience).Should(Receive())
		clk.Add(admin.WriteTimeout)
		Eventually(l.open.Load, patience).Should(BeZero())
		_, err := io.ReadAll(client)
		Expect(err).NotTo(HaveOccurred())
	})

	It("stay as long as their client takes what it is sent", func() {
		listen()
		client, err := net.Dial("tcp", l.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		ask(client, "/events")
		lines := bufio.NewReader(client)
		next := func() error {
			for {
				line, err := lines.ReadString('\n')
				if err != nil || line == "event: sample\n" {
					return err
				}
			}
		}
		Expect(next()).To(Succeed())
		for range 3 * admin.WriteTimeout / time.Second {
			source.tick(1)
			Expect(next()).To(Succeed())
		}
		Expect(client.Close()).To(Succeed())
	})
})
