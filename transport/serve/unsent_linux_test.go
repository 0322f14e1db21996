package serve_test

import (
	"net"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/unsent"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// noted notes the sockets that it accepts.
type noted struct {
	net.Listener
	accepted chan int
}

func (n *noted) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	if err != nil {
		return nil, err
	}
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	// Another descriptor of the same socket: the server closes its own.
	err = raw.Control(func(fd uintptr) {
		duplicate, _ := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		n.accepted <- duplicate
	})
	return c, err
}

var _ = Describe("a socket", func() {
	It("takes little of an answer before it is sent, so that what a client does not read costs little", func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		listener := &noted{l, make(chan int, 1)}
		s := serve.NewServer(serve.ServerConfig{NewHandler: func(net.Conn) session.Handler { return echo{} }, Clock: clock.NewMock()})
		served := make(chan error, 1)
		go func() { served <- s.Serve(listener) }()
		converse(dial(l.Addr().String()), frame(wire.Ping, 0, "", "x"), wire.AppendResponse(nil, wire.OK, []byte("x")))
		fd := <-listener.accepted
		defer unix.Close(fd) //nolint:errcheck // it is only looked at
		bound, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT)
		Expect(err).NotTo(HaveOccurred())
		Expect(bound).To(Equal(unsent.Max))
		Expect(unsent.Max).To(Equal(128 << 10))
		Expect(s.Close()).To(Succeed())
		Expect(<-served).To(MatchError(serve.ErrServerClosed))
	})
})
