package server_test

import (
	"context"
	"io"
	"net"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// listen serves s on a port of its own until the spec ends.
func listen(s *server.Server) string {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	DeferCleanup(func() {
		Expect(s.Close()).To(Succeed())
		Expect(<-served).To(MatchError(server.ErrServerClosed))
	})
	return l.Addr().String()
}

func newServer(c server.Config) *server.Server {
	GinkgoHelper()
	if c.MaxMemory == 0 {
		c.MaxMemory = 64 << 20
	}
	s, err := server.New(c)
	Expect(err).NotTo(HaveOccurred())
	return s
}

func dial(addr string) *net.TCPConn {
	GinkgoHelper()
	c, err := net.Dial("tcp", addr)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

func request(c wire.Command, key, value string) []byte {
	GinkgoHelper()
	b, err := wire.AppendRequest(nil, &wire.Request{Command: c, Key: []byte(key), Value: []byte(value)})
	Expect(err).NotTo(HaveOccurred())
	return b
}

// exchange sends input, ends its side, and returns all answers.
func exchange(c *net.TCPConn, input []byte) []byte {
	GinkgoHelper()
	go func() {
		_, _ = c.Write(input)
		_ = c.CloseWrite()
	}()
	answers, err := io.ReadAll(c)
	Expect(err).NotTo(HaveOccurred())
	return answers
}

var _ = Describe("a server", func() {
	It("adds to the sections that it is given without changing them", func() {
		given := map[string]any{"about": "me"}
		addr := listen(newServer(server.Config{Sections: func() map[string]any { return given }}))
		status, text := ask(dial(addr), request(wire.Stats, "", ""))
		Expect(status).To(Equal(wire.OK))
		Expect(text).To(And(ContainSubstring(`"about":"me"`), ContainSubstring(`"server":`), ContainSubstring(`"cache":`)))
		Expect(given).To(HaveLen(1))
		given = nil
		status, _ = ask(dial(addr), request(wire.Stats, "", ""))
		Expect(status).To(Equal(wire.OK))
	})

	It("answers a client that has ended its side", func() {
		addr := listen(newServer(server.Config{}))
		input := append(request(wire.Set, "k", "v"), request(wire.Get, "k", "")...)
		Expect(exchange(dial(addr), input)).To(Equal([]byte("CM\x01\x00\x00\x00\x00CM\x01\x00\x00\x00\x01v")))
	})

	It("tells an HTTP client why it closes the connection", func() {
		addr := listen(newServer(server.Config{}))
		c := dial(addr)
		_, err := c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		Expect(err).NotTo(HaveOccurred())
		answer, err := io.ReadAll(c)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(answer)).To(ContainSubstring("bad magic"))
	})

	It("answers what has arrived whole before it shuts down", func(ctx context.Context) {
		s := newServer(server.Config{})
		addr := listen(s)
		c := dial(addr)
		_, err := c.Write(append(request(wire.Ping, "", "hello"), "CM"...))
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() uint64 { return s.Stats().Accepted }).Should(BeEquivalentTo(1))
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(ctx) }()
		answer, err := io.ReadAll(c)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(answer)).To(HaveSuffix("hello"))
		Expect(c.Close()).To(Succeed())
		Expect(<-done).To(Succeed())
	})
})
