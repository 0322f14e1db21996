package cryptomem_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("Client, when things go wrong", func() {
	var (
		server *peer
		mock   *clock.Mock
		ctx    = context.Background()
		key    = "key"
	)

	BeforeEach(func() {
		before := gleak.Goroutines()
		DeferCleanup(func() { Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before)) })
		server, mock = newPeer(), clock.NewMock()
		mock.Set(time.Unix(1_800_000_000, 0))
	})

	client := func(dial cryptomem.DialFunc, opts ...cryptomem.Option) *cryptomem.Client {
		GinkgoHelper()
		opts = append([]cryptomem.Option{
			cryptomem.WithSecret([]byte(secret)), cryptomem.WithDialer(dial), cryptomem.WithClock(mock),
		}, opts...)
		c, err := cryptomem.Dial(ctx, "peer", opts...)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		return c
	}

	// cutting returns a dialer whose first connection ends after so many bytes
	// in one direction; all later ones last.
	cutting := func(received, sent int) cryptomem.DialFunc {
		var dialled atomic.Bool
		return func(ctx context.Context, addr string) (net.Conn, error) {
			nc, err := server.dial(ctx, addr)
			if err == nil && dialled.CompareAndSwap(false, true) {
				nc = &shortConn{Conn: nc, reads: received, writes: sent}
			}
			return nc, err
		}
	}
	const never = 1 << 30

	Describe("a connection cut", func() {
		// What broke before it answered anything is made anew after a pause.
		soon := cryptomem.WithBackoff(0, 0)

		It("within a request, at any byte, is made anew for a read and reported for a write", func() {
			size := wire.RequestHeaderSize + len(key)
			for cut := range size {
				c := client(cutting(never, cut), soon)
				_, err := c.Get(ctx, key)
				Expect(err).To(MatchError(cryptomem.ErrNotFound), "cut at %d", cut)
				Expect(c.Close()).To(Succeed())

				c = client(cutting(never, cut), soon)
				Expect(c.Set(ctx, key, nil)).To(MatchError(cryptomem.ErrMaybeApplied), "cut at %d", cut)
				Expect(c.Close()).To(Succeed())
			}
		})

		It("within an answer, at any byte, is made anew for a read and reported for a write", func() {
			writer := client(server.dial)
			Expect(writer.Set(ctx, key, []byte("v"))).To(Succeed())
			for cut := range wire.ResponseHeaderSize + len(server.item("key").Value) {
				c := client(cutting(cut, never), soon)
				Expect(c.Get(ctx, key)).To(Equal([]byte("v")), "cut at %d", cut)
				Expect(c.Close()).To(Succeed())
			}
			for cut := range wire.ResponseHeaderSize {
				c := client(cutting(cut, never), soon)
				Expect(c.Set(ctx, key, nil)).To(MatchError(cryptomem.ErrMaybeApplied), "cut at %d", cut)
				Expect(c.Close()).To(Succeed())
			}
		})

		It("after a delete was applied does not turn it into a failure", func() {
			writer := client(server.dial)
			Expect(writer.Set(ctx, key, []byte("v"))).To(Succeed())
			c := client(cutting(3, never), soon)
			Expect(c.Delete(ctx, key)).To(Succeed())
		})

		It("is not tried for ever", func() {
			c := client(func(ctx context.Context, addr string) (net.Conn, error) {
				nc, err := server.dial(ctx, addr)
				return &shortConn{Conn: nc, reads: 0, writes: never}, err
			}, cryptomem.WithAttempts(2), soon)
			_, err := c.Get(ctx, key)
			Expect(err).To(MatchError(io.ErrUnexpectedEOF))
			Expect(server.dials).To(Equal(2))
		})
	})

	Describe("a server that cannot be reached", func() {
		BeforeEach(func() { server.refuse = errors.New("no route") })

		It("fails Dial", func() {
			_, err := cryptomem.Dial(ctx, "peer", cryptomem.WithSecret([]byte(secret)), cryptomem.WithDialer(server.dial))
			Expect(err).To(MatchError("connect to peer: no route"))
		})

		It("is dialled by one call at a time, and each call ends", func() {
			var at, most atomic.Int32
			c, err := cryptomem.Dial(ctx, "peer", cryptomem.WithSecret([]byte(secret)), cryptomem.WithConnections(4), cryptomem.WithAttempts(2),
				cryptomem.WithDialer(func(ctx context.Context, addr string) (net.Conn, error) {
					most.Store(max(most.Load(), at.Add(1)))
					defer at.Add(-1)
					return server.dial(ctx, addr)
				}))
			Expect(err).To(HaveOccurred())
			Expect(c).To(BeNil())

			server.refuse = nil
			broken := func(ctx context.Context, addr string) (net.Conn, error) {
				most.Store(max(most.Load(), at.Add(1)))
				defer at.Add(-1)
				nc, err := server.dial(ctx, addr)
				if err == nil {
					_ = nc.Close()
				}
				return nc, err
			}
			c, err = cryptomem.Dial(ctx, "peer", cryptomem.WithSecret([]byte(secret)), cryptomem.WithConnections(4), cryptomem.WithAttempts(2), cryptomem.WithDialer(broken))
			Expect(err).NotTo(HaveOccurred())
			defer func() { Expect(c.Close()).To(Succeed()) }()
			ended := make(chan error, 20)
			for range cap(ended) {
				go func() { _, err := c.Get(context.Background(), "k"); ended <- err }()
			}
			for range cap(ended) {
				Expect(<-ended).To(HaveOccurred())
			}
			Expect(most.Load()).To(BeEquivalentTo(1))
		})
	})

	Describe("a context that ends", func() {
		// ends runs call under a context that is cancelled once reached.
		ends := func(reached <-chan struct{}, call func(context.Context) error) error {
			ctx, cancel := context.WithCancel(ctx)
			result := make(chan error, 1)
			go func() { result <- call(ctx) }()
			<-reached
			cancel()
			return <-result
		}

		It("stops a call that waits for the connection", func() {
			dialling, free := make(chan struct{}), make(chan struct{})
			err := ends(dialling, func(ctx context.Context) error {
				_, err := cryptomem.Dial(ctx, "peer", cryptomem.WithSecret([]byte(secret)),
					cryptomem.WithDialer(func(ctx context.Context, _ string) (net.Conn, error) {
						close(dialling)
						<-ctx.Done()
						close(free)
						return nil, ctx.Err()
					}))
				return err
			})
			Expect(err).To(MatchError(context.Canceled))
			Eventually(free).Should(BeClosed())
		})

		It("stops a call whose request the server does not read, and those behind it", func() {
			near, far := net.Pipe() // an unread pipe takes not a byte
			defer func() { _ = far.Close() }()
			writing := make(chan struct{})
			c := client(func(context.Context, string) (net.Conn, error) {
				return &signallingConn{Conn: near, writing: writing}, nil
			})
			set := func(ctx context.Context) error { return c.Set(ctx, key, nil) }
			Expect(ends(writing, set)).To(MatchError(context.Canceled))
			begun := make(chan struct{})
			Expect(ends(begun, func(ctx context.Context) error { close(begun); return set(ctx) })).To(MatchError(context.Canceled))
		})

		It("stops a call whose answer does not come, and shifts no other call's answer", func() {
			taken, release := make(chan struct{}), make(chan struct{})
			server.answer = func(_ net.Conn, r *wire.Request) bool {
				if string(r.Key) == "slow" {
					close(taken)
					<-release
				}
				return false
			}
			c := client(server.dial)
			Expect(c.Set(context.Background(), "fast", []byte("right"))).To(Succeed())
			err := ends(taken, func(ctx context.Context) error {
				_, err := c.Get(ctx, "slow")
				return err
			})
			Expect(err).To(MatchError(context.Canceled))
			close(release)
			Expect(c.Get(context.Background(), "fast")).To(Equal([]byte("right")))
			Expect(server.dials).To(Equal(1))
		})

		It("tells of a write that it may still happen", func() {
			taken, release := make(chan struct{}), make(chan struct{})
			server.answer = func(net.Conn, *wire.Request) bool {
				close(taken)
				<-release
				return false
			}
			c := client(server.dial)
			err := ends(taken, func(ctx context.Context) error { return c.Set(ctx, key, nil) })
			Expect(err).To(MatchError(cryptomem.ErrMaybeApplied))
			Expect(err).To(MatchError(context.Canceled))
			close(release)
		})

		It("stops a call that waits for room, which is then never sent", func() {
			taken, release := make(chan struct{}), make(chan struct{})
			server.answer = func(net.Conn, *wire.Request) bool {
				taken <- struct{}{}
				<-release
				return false
			}
			c := client(server.dial, cryptomem.WithInFlight(1, 1<<20))
			first := make(chan error, 1)
			go func() { _, err := c.Get(context.Background(), "k"); first <- err }()
			<-taken
			ended, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			err := c.Set(ended, key, nil)
			Expect(err).To(MatchError(context.DeadlineExceeded))
			Expect(err).NotTo(MatchError(cryptomem.ErrMaybeApplied))
			close(release)
			Expect(<-first).To(MatchError(cryptomem.ErrNotFound))
			server.mu.Lock()
			defer server.mu.Unlock()
			Expect(server.requests).To(Equal([]wire.Command{wire.Get}))
		})

		It("keeps a call that was never begun from being sent", func() {
			c := client(server.dial)
			ended, cancel := context.WithCancel(ctx)
			cancel()
			err := c.Set(ended, key, nil)
			Expect(err).To(MatchError(context.Canceled))
			Expect(err).NotTo(MatchError(cryptomem.ErrMaybeApplied))
			Expect(server.requests).To(BeEmpty())
		})
	})

	It("gives a silent server up after the timeout", func() {
		taken, release := make(chan struct{}), make(chan struct{})
		server.answer = func(net.Conn, *wire.Request) bool {
			close(taken)
			<-release
			return false
		}
		c := client(server.dial, cryptomem.WithTimeout(time.Second), cryptomem.WithBackoff(0, 0))
		result := make(chan error, 1)
		go func() { result <- c.Set(context.Background(), "k", []byte("v")) }()
		<-taken
		mock.Add(time.Second - 1)
		Expect(result).NotTo(Receive())
		var err error
		Eventually(func() <-chan error { // the client may yet have to note that the request has left
			mock.Add(time.Second)
			return result
		}).Should(Receive(&err))
		Expect(err).To(MatchError(cryptomem.ErrTimeout))
		Expect(err).To(MatchError(cryptomem.ErrMaybeApplied))
		close(release)
	})

	It("waits for a slow server as long as it sends something", func() {
		server.answer = func(nc net.Conn, r *wire.Request) bool {
			for _, b := range wire.AppendResponse(nil, wire.OK, nil) { // 7 bytes, 2.8 s
				mock.Add(400 * time.Millisecond)
				if _, err := nc.Write([]byte{b}); err != nil {
					return false
				}
			}
			return true
		}
		c := client(server.dial, cryptomem.WithTimeout(time.Second))
		Expect(c.Set(context.Background(), "k", []byte("v"))).To(Succeed())
	})

	DescribeTable("drops a connection on which the server", func(answer []byte, want error) {
		server.answer = func(nc net.Conn, r *wire.Request) bool {
			_, _ = nc.Write(answer)
			return true
		}
		c := client(server.dial, cryptomem.WithAttempts(1))
		_, err := c.Get(context.Background(), "k")
		Expect(err).To(MatchError(want))
		server.mu.Lock()
		server.answer = nil
		server.mu.Unlock()
		_, err = c.Get(context.Background(), "k")
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
		Expect(server.dials).To(Equal(2))
	},
		Entry("speaks another protocol", []byte("-ERR unknown command\r\n"), wire.ErrFraming),
		Entry("sends more than the limit", []byte{'C', 'M', 1, 0x7f, 0, 0, 0}, pipeline.ErrAnswerTooLarge),
		Entry("uses a status of its own", wire.AppendResponse(nil, 77, nil), pipeline.ErrUnexpectedStatus),
	)

	It("suspects another program where the connection is taken and nothing answers", func() {
		server.answer = func(net.Conn, *wire.Request) bool { return true }
		_, err := cryptomem.Dial(ctx, "pipe", cryptomem.WithSecret([]byte(secret)), cryptomem.WithDialer(server.dial),
			cryptomem.WithAuth("web", []byte("a token")), cryptomem.WithDialTimeout(time.Millisecond))
		Expect(err).To(MatchError(context.DeadlineExceeded))
		Expect(err).To(MatchError("connect to pipe: the first answer did not come in time: the server may be slow, expect TLS, or not be a cryptomem server"))
	})

	It("seals a value when there is room to send it, not when it begins to wait for that", func() {
		c := client(server.dial, cryptomem.WithInFlight(1, 1<<20), cryptomem.WithSkew(0))
		server.answer = func(_ net.Conn, r *wire.Request) bool {
			if string(r.Key) == "first" {
				mock.Add(4 * time.Second)
			}
			return false
		}
		b := c.Batch()
		b.Set("first", []byte("1"))
		b.Set("second", []byte("2"), cryptomem.TTL(5*time.Second))
		Expect(b.Run(ctx)).To(HaveEach(HaveField("Err", BeNil())))
		mock.Add(4 * time.Second) // more than 5 s since the batch began
		Expect(c.Get(ctx, "second")).To(Equal([]byte("2")))
	})

	It("drops a connection on which the server answers without a request", func() {
		server.answer = func(nc net.Conn, r *wire.Request) bool {
			answer := wire.AppendResponse(nil, wire.NotFound, nil)
			_, _ = nc.Write(append(answer, answer...))
			return true
		}
		c := client(server.dial)
		for range 5 {
			_, err := c.Get(context.Background(), "k")
			Expect(err).To(MatchError(cryptomem.ErrNotFound))
		}
	})

	It("ends the calls in flight when it is closed", func() {
		taken := make(chan struct{})
		server.answer = func(net.Conn, *wire.Request) bool {
			taken <- struct{}{}
			return true
		}
		c := client(server.dial)
		results := make(chan error, 3)
		for range cap(results) {
			go func() { results <- c.Set(context.Background(), "k", []byte("v")) }()
			<-taken
		}
		Expect(c.Close()).To(Succeed())
		for range cap(results) {
			err := <-results
			Expect(err).To(MatchError(cryptomem.ErrClosed))
			Expect(err).To(MatchError(cryptomem.ErrMaybeApplied))
		}
	})

	It("comes back after the server was restarted", func() {
		c := client(server.dial)
		Expect(c.Set(context.Background(), "k", []byte("v"))).To(Succeed())
		server.restart()
		Expect(c.Get(context.Background(), "k")).To(Equal([]byte("v")))
		Expect(c.Set(context.Background(), "k", []byte("w"))).To(Succeed())
	})

	Describe("authentication", func() {
		It("is shown on every connection before anything else", func() {
			server.answer = func(nc net.Conn, r *wire.Request) bool {
				if r.Command != wire.Auth {
					return false
				}
				status := wire.Denied
				if string(r.Key) == "me" && string(r.Value) == "token" {
					status = wire.OK
				}
				_, err := nc.Write(wire.AppendResponse(nil, status, []byte("who are you?")))
				return err == nil
			}
			c := client(server.dial, cryptomem.WithAuth("me", []byte("token")))
			Expect(c.Set(context.Background(), "k", []byte("v"))).To(Succeed())
			server.restart()
			Expect(c.Get(context.Background(), "k")).To(Equal([]byte("v")))
			Expect(server.requests[:2]).To(Equal([]wire.Command{wire.Auth, wire.Set}))
			Expect(server.requests).To(ContainElements(wire.Auth, wire.Auth))

			_, err := cryptomem.Dial(ctx, "peer", cryptomem.WithSecret([]byte(secret)),
				cryptomem.WithDialer(server.dial), cryptomem.WithAuth("me", []byte("guess")))
			Expect(err).To(MatchError(cryptomem.ErrDenied))
			Expect(err).To(MatchError(ContainSubstring("who are you?")))
		})
	})
})

// A shortConn ends after a number of bytes read or written.
type shortConn struct {
	net.Conn
	reads, writes int
}

func (s *shortConn) Read(p []byte) (int, error) {
	if s.reads == 0 {
		// The last byte allowed has been handed out; take what comes next, so
		// that the server has done its work, and lose it.
		if _, err := s.Conn.Read(p); err != nil {
			return 0, err
		}
		_ = s.Close()
		return 0, io.EOF
	}
	n, err := s.Conn.Read(p[:min(len(p), s.reads)])
	s.reads -= n
	return n, err
}

func (s *shortConn) Write(p []byte) (int, error) {
	if len(p) <= s.writes {
		s.writes -= len(p)
		return s.Conn.Write(p)
	}
	n, err := 0, error(nil)
	if s.writes > 0 {
		n, err = s.Conn.Write(p[:s.writes])
	}
	_ = s.Close()
	return n, errors.Join(err, io.ErrClosedPipe)
}

// A signallingConn tells of its first write.
type signallingConn struct {
	net.Conn
	writing chan struct{}
	once    sync.Once
}

func (s *signallingConn) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.writing) })
	return s.Conn.Write(p)
}
