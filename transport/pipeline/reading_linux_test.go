package pipeline_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/socket"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A watchedSocket counts what callers have read themselves.
type watchedSocket struct {
	*socket.Conn
	own atomic.Int32
}

func (w *watchedSocket) ReadWithin(b []byte, atMost time.Duration) (int, error) {
	n, err := w.Conn.ReadWithin(b, max(atMost, time.Second)) // what answers is prompt, but the machine may not be
	if n > 0 {
		w.own.Add(1)
	}
	return n, err
}

var _ = Describe("A caller that is alone", func() {
	const row = 8 // calls before one reads its own answer

	var (
		ctx  = context.Background()
		near *watchedSocket
		far  net.Conn
		conn *pipeline.Conn
	)

	BeforeEach(func() {
		before := gleak.Goroutines()
		DeferCleanup(func() { Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before)) })
		l, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer l.Close() //nolint:errcheck // its one connection is there
		dialled, err := net.Dial("tcp", l.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		far, err = l.Accept()
		Expect(err).NotTo(HaveOccurred())
		near = &watchedSocket{Conn: socket.Own(dialled).(*socket.Conn)}
		conn = pipeline.NewConn(near, clock.NewMock(), pipeline.EngineLimits{})
		DeferCleanup(conn.Close)
		DeferCleanup(func() { _ = far.Close() }) // the server may have left
	})

	asks := func(ctx context.Context, key string) error {
		c := get(key)
		err := conn.Do(ctx, c)
		if err == nil {
			Expect(c.Response.Value).To(BeEquivalentTo(key))
		}
		return err
	}

	alone := func(calls int) {
		GinkgoHelper()
		for i := range calls {
			Expect(asks(ctx, fmt.Sprint(i))).To(Succeed())
		}
	}

	It("reads its own answers, call after call", func() {
		go echo(far, -1, nil)
		alone(row)
		Expect(near.own.Load()).To(BeZero())
		alone(100)
		Expect(near.own.Load()).To(BeEquivalentTo(100))
	})

	It("heeds the end of its context while a large answer keeps arriving", func() {
		ended := make(chan struct{})
		ctx, cancel := context.WithCancel(ctx)
		go func() {
			echo(far, row, nil)
			request := make([]byte, wire.RequestHeaderSize+len("large"))
			if _, err := io.ReadFull(far, request); err != nil {
				return
			}
			answer := wire.AppendResponse(nil, wire.OK, make([]byte, 1<<20))
			_, _ = far.Write(answer[:1<<19])
			cancel()
			for rest := answer[1<<19:]; len(rest) > 0; rest = rest[1:] {
				select {
				case <-ended:
					return
				default:
					_, _ = far.Write(rest[:1])
				}
			}
		}()
		alone(row)
		Expect(conn.Do(ctx, get("large"))).To(MatchError(context.Canceled))
		close(ended)
		Expect(near.own.Load()).To(BeNumerically(">", 0))
	})

	It("leaves that to the goroutine again when others join, and takes it up when they are gone", func() {
		held := make(chan struct{})
		go echo(far, -1, held)
		var both sync.WaitGroup
		for i := range 2 {
			both.Go(func() {
				defer GinkgoRecover()
				Expect(asks(ctx, fmt.Sprint(i))).To(Succeed())
			})
		}
		Eventually(func() int { return pipeline.InFlight(conn) }).Should(Equal(2))
		close(held)
		both.Wait()
		alone(row)
		Expect(near.own.Load()).To(BeZero())
		alone(1)
		Expect(near.own.Load()).To(BeEquivalentTo(1))
		Expect(conn.DoAll(ctx, []*pipeline.Call{get("a"), get("b")})).To(Succeed())
		alone(row - 1)
		Expect(near.own.Load()).To(BeEquivalentTo(1))
		alone(2)
		Expect(near.own.Load()).To(BeEquivalentTo(2))
	})

	It("gets its own answer in any case, however others come and go", func() {
		go echo(far, -1, nil)
		for range 20 {
			alone(2 * row)
			var crowd sync.WaitGroup
			for g := range 4 {
				crowd.Go(func() {
					defer GinkgoRecover()
					for i := range 10 {
						Expect(asks(ctx, fmt.Sprint(g, "/", i))).To(Succeed())
					}
				})
			}
			crowd.Wait()
		}
	})

	It("returns when its context ends before the answer, which no other call gets", func() {
		answered := make(chan struct{})
		go func() {
			echo(far, row+1, nil)
			close(answered)
		}()
		alone(row + 1)
		Eventually(answered).Should(BeClosed())
		ending, end := context.WithCancel(ctx)
		result := make(chan error, 1)
		go func() { result <- asks(ending, "late") }()
		Eventually(func() int { return pipeline.InFlight(conn) }).Should(Equal(1))
		end()
		Eventually(result).WithTimeout(5 * time.Second).Should(Receive(MatchError(context.Canceled)))
		go echo(far, -1, nil)
		alone(3)
	})

	It("learns that the server has gone while no one read", func() {
		go func() {
			echo(far, row+1, nil)
			_, _ = far.Write(wire.AppendResponse(nil, wire.Error, []byte("good night")))
			_ = far.Close()
		}()
		alone(row + 1)
		Eventually(conn.Broken()).Should(BeClosed())
		Expect(asks(ctx, "k")).To(MatchError(ContainSubstring("good night")))
	})
})

// echo answers that many requests with their keys, all if n is negative, once
// begin is closed, or at once if that is nil.
func echo(nc net.Conn, n int, begin <-chan struct{}) {
	if begin != nil {
		<-begin
	}
	var in []byte
	chunk := make([]byte, 4096)
	for n != 0 {
		read, err := nc.Read(chunk)
		if err != nil {
			return
		}
		in = append(in, chunk[:read]...)
		for {
			r, size, err := wire.ParseRequest(in)
			if err != nil || size == 0 {
				break
			}
			if _, err := nc.Write(wire.AppendResponse(nil, wire.OK, r.Key)); err != nil {
				return
			}
			in = in[size:]
			n--
		}
	}
}
