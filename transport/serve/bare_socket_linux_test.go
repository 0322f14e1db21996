package serve_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/serve"
)

var _ = Describe("a socket that the runtime does not know", func() {
	var near *net.TCPConn
	var bare net.Conn
	BeforeEach(func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer func() { Expect(l.Close()).To(Succeed()) }()
		near = dial(l.Addr().String())
		far, err := l.Accept()
		Expect(err).NotTo(HaveOccurred())
		bare = serve.Bare(far)
		// a spec may have done so
		DeferCleanup(func() { _ = bare.Close() })
		Expect(far.SetDeadline(time.Time{})).To(MatchError(net.ErrClosed), "it has another owner now")
	})

	It("has the addresses of the connection", func() {
		Expect(bare.RemoteAddr().String()).To(Equal(near.LocalAddr().String()))
		Expect(bare.LocalAddr().String()).To(Equal(near.RemoteAddr().String()))
	})

	It("reads and writes as one that the runtime knows, and ends its own side alone", func() {
		read := make(chan string)
		go func() {
			all, _ := io.ReadAll(near)
			read <- string(all)
		}()
		_, err := bare.Write([]byte("one"))
		Expect(err).NotTo(HaveOccurred())
		pieces := net.Buffers{[]byte("two"), nil, bytes.Repeat([]byte("x"), 8<<20), []byte("three")}
		sent, err := bare.(interface {
			WritePieces(net.Buffers) (int64, error)
		}).WritePieces(pieces)
		Expect(err).NotTo(HaveOccurred())
		Expect(sent).To(BeEquivalentTo(8<<20 + 8))
		Expect(bare.(interface{ CloseWrite() error }).CloseWrite()).To(Succeed())
		all := <-read
		Expect(all).To(HaveLen(8<<20 + 11))
		Expect(all).To(HavePrefix("onetwoxx"))
		Expect(all).To(HaveSuffix("xxthree"))

		_, err = near.Write([]byte("and back"))
		Expect(err).NotTo(HaveOccurred())
		Expect(near.CloseWrite()).To(Succeed())
		Expect(io.ReadAll(bare)).To(BeEquivalentTo("and back"))
	})

	It("holds reads to a deadline", func() {
		Expect(bare.SetReadDeadline(time.Unix(1, 0))).To(Succeed())
		_, err := bare.Read(make([]byte, 1))
		Expect(err).To(MatchError(os.ErrDeadlineExceeded))
		Expect(bare.SetReadDeadline(time.Time{})).To(Succeed())
		_, err = near.Write([]byte("x"))
		Expect(err).NotTo(HaveOccurred())
		_, err = bare.Read(make([]byte, 1))
		Expect(err).NotTo(HaveOccurred())
	})

	It("ends what waits when it is closed, and does nothing after that", func() {
		raw, err := bare.(syscall.Conn).SyscallConn()
		Expect(err).NotTo(HaveOccurred())
		began, ended := make(chan struct{}), make(chan error)
		go func() {
			ended <- raw.Read(func(uintptr) bool {
				select {
				case <-began:
				default:
					close(began)
				}
				return false
			})
		}()
		<-began
		Expect(bare.Close()).To(Succeed())
		Expect(<-ended).To(MatchError(net.ErrClosed))
		Expect(bare.Close()).To(MatchError(net.ErrClosed))
		Expect(bare.SetReadDeadline(time.Time{})).To(MatchError(net.ErrClosed))
		Expect(raw.Control(func(uintptr) {})).To(MatchError(net.ErrClosed))
		_, err = near.Read(make([]byte, 1))
		Expect(err).To(MatchError(io.EOF))
	})

	It("keeps its descriptor while that is used", func() {
		raw, err := bare.(syscall.Conn).SyscallConn()
		Expect(err).NotTo(HaveOccurred())
		Expect(raw.Control(func(fd uintptr) {
			Expect(bare.Close()).To(Succeed())
			_, err := syscall.Write(int(fd), []byte("last"))
			Expect(err).NotTo(HaveOccurred())
		})).To(Succeed())
		Expect(io.ReadAll(near)).To(BeEquivalentTo("last"))
	})
})
