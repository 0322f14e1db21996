package socket_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/Zezezknight/cryptomem/transport/socket"
)

var _ = Describe("Conn", func() {
	var (
		near *socket.Conn
		far  *net.TCPConn
	)

	BeforeEach(func() {
		before := gleak.Goroutines()
		DeferCleanup(func() { Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before)) })
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer l.Close() //nolint:errcheck // its one connection is there
		dialled, err := net.Dial("tcp", l.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		accepted, err := l.Accept()
		Expect(err).NotTo(HaveOccurred())
		near, far = socket.Own(dialled).(*socket.Conn), accepted.(*net.TCPConn)
		DeferCleanup(func() {
			_ = near.Close()
			_ = far.Close()
		})
	})

	says := func(s string) {
		GinkgoHelper()
		_, err := far.Write([]byte(s))
		Expect(err).NotTo(HaveOccurred())
	}

	// reading returns what the next Read will have read.
	reading := func() <-chan string {
		read := make(chan string, 1)
		go func() {
			b := make([]byte, 100)
			n, err := near.Read(b)
			if err != nil {
				b, n = []byte(err.Error()), len(err.Error())
			}
			read <- string(b[:n])
		}()
		return read
	}

	// waiting returns a channel that is closed when AwaitNews has returned.
	waiting := func() <-chan struct{} {
		news := make(chan struct{})
		go func() {
			near.AwaitNews()
			close(news)
		}()
		return news
	}

	It("carries bytes both ways, however many, and the end of the stream", func() {
		sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // more than sockets hold
		written := make(chan error, 1)
		go func() {
			_, err := near.Write(sent)
			written <- err
		}()
		received := make([]byte, len(sent))
		Expect(io.ReadFull(far, received)).To(Equal(len(sent)))
		Expect(bytes.Equal(received, sent)).To(BeTrue())
		Eventually(written).Should(Receive(BeNil()))

		read := reading()
		says("hello")
		Eventually(read).Should(Receive(Equal("hello")))
		Expect(far.CloseWrite()).To(Succeed())
		Eventually(reading()).Should(Receive(Equal("EOF")))
		Expect(near.RemoteAddr()).To(Equal(far.LocalAddr()))
		Expect(near.LocalAddr()).To(Equal(far.RemoteAddr()))
	})

	It("is the whole connection: closing it ends the stream", func() {
		Expect(near.Close()).To(Succeed())
		_, err := far.Read(make([]byte, 1))
		Expect(err).To(MatchError(io.EOF))
		Expect(near.Close()).To(MatchError(net.ErrClosed))
		_, err = near.Write([]byte("x"))
		Expect(err).To(MatchError(net.ErrClosed))
		_, err = near.ReadWithin(make([]byte, 1), time.Second)
		Expect(err).To(MatchError(net.ErrClosed))
		Expect(near.SetWriteDeadline(time.Time{})).To(MatchError(net.ErrClosed))
	})

	It("wakes a waiting reader and writer when it is closed", func() {
		read, written := reading(), make(chan error, 1)
		go func() {
			_, err := near.Write(make([]byte, 16<<20))
			written <- err
		}()
		Expect(io.ReadFull(far, make([]byte, 1<<20))).To(Equal(1 << 20))
		Expect(near.Close()).To(Succeed())
		Eventually(read).Should(Receive(Equal(net.ErrClosed.Error())))
		Eventually(written).Should(Receive(MatchError(net.ErrClosed)))
	})

	It("heeds deadlines", func() {
		Expect(near.SetDeadline(time.Unix(1, 0))).To(Succeed())
		_, err := near.Read(make([]byte, 1))
		Expect(err).To(MatchError(os.ErrDeadlineExceeded))
		_, err = near.Write(make([]byte, 16<<20))
		Expect(err).To(MatchError(os.ErrDeadlineExceeded))
	})

	It("reads within a moment what is there, and nothing else", func() {
		b := make([]byte, 100)
		_, err := near.ReadWithin(b, time.Microsecond)
		Expect(err).To(MatchError(os.ErrDeadlineExceeded))
		says("hello")
		Expect(near.ReadWithin(b, time.Hour)).To(Equal(5))
		_, err = near.ReadWithin(b, 0)
		Expect(err).To(MatchError(os.ErrDeadlineExceeded))
		Expect(far.Close()).To(Succeed())
		_, err = near.ReadWithin(b, time.Hour)
		Expect(err).To(MatchError(io.EOF))
	})

	It("wakes no reader while it is paused, until it is resumed and bytes are there", func() {
		near.Pause()
		news := waiting()
		says("for another")
		Consistently(news, 20*time.Millisecond).ShouldNot(BeClosed())
		near.Resume()
		Eventually(news).Should(BeClosed())
		Eventually(reading()).Should(Receive(Equal("for another")))
	})

	It("tells of the end of the stream while it is paused, and leaves what came before", func() {
		near.Pause()
		news := waiting()
		says("the reason")
		Expect(far.Close()).To(Succeed())
		Eventually(news).Should(BeClosed())
		near.Resume()
		Eventually(reading()).Should(Receive(Equal("the reason")))
	})

	It("leaves alone what is no socket", func() {
		x, y := net.Pipe()
		defer y.Close() //nolint:errcheck // only its other end is looked at
		defer x.Close() //nolint:errcheck // the same
		Expect(socket.Own(x)).To(BeIdenticalTo(x))
	})
})
