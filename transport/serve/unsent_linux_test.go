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

// noted notes the connections that it accepts.
type noted struct {
	net.Listener
	accepted chan *net.TCPConn
}

func (n *noted) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	if err == nil {
		n.accepted <- c.(*net.TCPConn)
	}
	return c, err
}

var _ = Describe("a socket", func() {
	It("takes little of an answer before it is sent, so that what a client does not read costs little", func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		listener := &noted{l, make(chan *net.TCPConn, 1)}
		s := serve.NewServer(serve.ServerConfig{NewHandler: func(net.Conn) session.Handler { return echo{} }, Clock: clock.NewMock()})
		served := make(chan error, 1)
		go func() { served <- s.Serve(listener) }()
		converse(dial(l.Addr().String()), frame(wire.Ping, 0, "", "x"), wire.AppendResponse(nil, wire.OK, []byte("x")))
		raw, err := (<-listener.accepted).SyscallConn()
		Expect(err).NotTo(HaveOccurred())
		bound := 0
		Expect(raw.Control(func(fd uintptr) { bound, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT) })).To(Succeed())
		Expect(err).NotTo(HaveOccurred())
		Expect(bound).To(Equal(unsent.Max))
		Expect(unsent.Max).To(Equal(128 << 10))
		Expect(s.Close()).To(Succeed())
		Expect(<-served).To(MatchError(serve.ErrServerClosed))
	})
})
