package cryptomem_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A slowCloser closes like a connection that has something left to say.
type slowCloser struct {
	net.Conn
	until chan struct{}
}

func (c *slowCloser) Close() error {
	<-c.until
	return c.Conn.Close()
}

var _ = Describe("An outage", func() {
	var (
		server  *peer
		mock    *clock.Mock
		ctx     = context.Background()
		noRoute = errors.New("no route")
	)

	BeforeEach(func() {
		server, mock = newPeer(), clock.NewMock()
		mock.Set(time.Unix(1_800_000_000, 0))
	})

	client := func(opts ...cryptomem.Option) *cryptomem.Client {
		GinkgoHelper()
		opts = append([]cryptomem.Option{
			cryptomem.WithSecret([]byte(secret)), cryptomem.WithDialer(server.dial), cryptomem.WithClock(mock),
			cryptomem.WithBackoff(time.Second, time.Minute), cryptomem.WithTimeout(time.Hour),
		}, opts...)
		c, err := cryptomem.Dial(ctx, "peer", opts...)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		return c
	}

	dials := func() int {
		server.mu.Lock()
		defer server.mu.Unlock()
		return server.dials
	}

	reach := func(err error) {
		server.mu.Lock()
		defer server.mu.Unlock()
		server.refuse = err
	}

	mute := func() {
		server.mu.Lock()
		defer server.mu.Unlock()
		server.answer = func(net.Conn, *wire.Request) bool { return true }
	}

	speak := func() {
		server.mu.Lock()
		defer server.mu.Unlock()
		server.answer = nil
	}

	getUnder := func(ctx context.Context, c *cryptomem.Client) error {
		_, err := c.Get(ctx, "k")
		return err
	}

	get := func(c *cryptomem.Client) error { return getUnder(ctx, c) }

	back := func(c *cryptomem.Client) {
		GinkgoHelper()
		Eventually(func() error { mock.Add(500 * time.Millisecond); return get(c) }).Should(MatchError(cryptomem.ErrNotFound))
	}

	It("fails calls at once, with its cause, while the server is dialled again after pauses", func() {
		c := client()
		Expect(c.Set(ctx, "k", nil)).To(Succeed())
		reach(noRoute)
		server.restart()
		Eventually(func() error { return get(c) }).Should(MatchError(noRoute))
		before := dials()
		for range 1000 {
			err := c.Set(ctx, "k", []byte("v"))
			Expect(err).To(MatchError(cryptomem.ErrUnavailable))
			Expect(err).To(MatchError(noRoute))
			Expect(err).NotTo(MatchError(cryptomem.ErrMaybeApplied))
		}
		mock.Add(500*time.Millisecond - 1) // half of a pause is not random
		Expect(dials()).To(Equal(before))
		Eventually(func() int { mock.Add(500 * time.Millisecond); return dials() }).Should(BeNumerically(">", before))
		Expect(get(c)).To(MatchError(noRoute))
		reach(nil)
		Eventually(func() error { mock.Add(500 * time.Millisecond); return get(c) }).Should(Succeed())
	})

	It("begins when a caller that can do without the server has waited in vain", func() {
		c := client(cryptomem.WithFallbackTimeout(time.Second))
		Expect(get(c)).To(MatchError(cryptomem.ErrNotFound))
		mute()
		patient := make(chan error, 1)
		go func() { patient <- get(c) }()
		impatient := make(chan error, 1)
		go func() {
			ctx, cancel := c.FallbackContext(ctx)
			defer cancel()
			_, err := c.Get(ctx, "k")
			impatient <- err
		}()
		var err error
		Eventually(func() chan error { mock.Add(100 * time.Millisecond); return impatient }).Should(Receive(&err))
		Expect(err).To(MatchError(cryptomem.ErrUnavailable))
		Expect(err).To(MatchError(cryptomem.ErrTimeout))
		Expect(get(c)).To(MatchError(cryptomem.ErrUnavailable), "at once")
		Expect(patient).NotTo(Receive(), "who can wait waits on")
		speak()
		back(c)
		Eventually(patient).Should(Receive(MatchError(cryptomem.ErrNotFound)), "and is answered over the next connection")
	})

	It("tells its cause to a caller whose dial it ends", func() {
		var away atomic.Bool
		var dialling atomic.Int32
		c := client(cryptomem.WithFallbackTimeout(time.Second), cryptomem.WithAttempts(1), cryptomem.WithDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			if !away.Load() {
				return server.dial(ctx, addr)
			}
			dialling.Add(1)
			<-ctx.Done()
			return nil, ctx.Err()
		}))
		Expect(get(c)).To(MatchError(cryptomem.ErrNotFound))
		away.Store(true)
		server.restart()
		patient := make(chan error, 100)
		Eventually(func() int32 {
			go func() { patient <- get(c) }()
			return dialling.Load()
		}).Should(BeEquivalentTo(1))
		impatient := make(chan error, 1)
		go func() {
			ctx, cancel := c.FallbackContext(ctx)
			defer cancel()
			impatient <- getUnder(ctx, c)
		}()
		Eventually(func() chan error { mock.Add(100 * time.Millisecond); return impatient }).Should(Receive(MatchError(cryptomem.ErrTimeout)))
		Eventually(patient).Should(Receive(And(MatchError(cryptomem.ErrTimeout), MatchError(cryptomem.ErrUnavailable))))
	})

	It("is over as soon as the silent connection receives anything", func() {
		held := newHeldDialer(server.dial)
		c := client(cryptomem.WithFallbackTimeout(time.Second), cryptomem.WithDialer(held.dial))
		Expect(get(c)).To(MatchError(cryptomem.ErrNotFound))
		held.after(0)
		reach(noRoute)
		ended := make(chan error, 1)
		go func() {
			ctx, cancel := c.FallbackContext(ctx)
			defer cancel()
			_, err := c.Get(ctx, "k")
			ended <- err
		}()
		Eventually(func() chan error { mock.Add(100 * time.Millisecond); return ended }).Should(Receive(MatchError(cryptomem.ErrTimeout)))
		before := dials()
		held.release()
		back(c)
		Expect(dials()).To(BeNumerically(">=", before))
	})

	It("begins when the server is silent for the whole timeout", func() {
		c := client(cryptomem.WithTimeout(time.Second))
		Expect(get(c)).To(MatchError(cryptomem.ErrNotFound))
		mute()
		ended := make(chan error, 1)
		go func() { ended <- get(c) }()
		Eventually(func() chan error { mock.Add(100 * time.Millisecond); return ended }).Should(Receive(MatchError(cryptomem.ErrTimeout)))
		Expect(get(c)).To(MatchError(cryptomem.ErrUnavailable))
		speak()
		back(c)
	})

	It("also covers a server that accepts and closes: it is not dialled without pause", func() {
		c := client()
		server.mu.Lock()
		server.answer = func(nc net.Conn, _ *wire.Request) bool { _ = nc.Close(); return false }
		server.mu.Unlock()
		first := make(chan error, 1)
		go func() { first <- get(c) }()
		Eventually(func() chan error { mock.Add(500 * time.Millisecond); return first }).Should(Receive(MatchError(cryptomem.ErrUnavailable)))
		before := dials()
		for range 1000 {
			Expect(get(c)).To(MatchError(cryptomem.ErrUnavailable))
		}
		Expect(dials()).To(BeNumerically("<=", before+1))
		speak()
		back(c)
	})

	It("may begin again while the connection that the last one gave up is still closing", func() {
		closes := make(chan struct{})
		var first sync.Once
		c := client(cryptomem.WithFallbackTimeout(time.Second), cryptomem.WithDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			nc, err := server.dial(ctx, addr)
			first.Do(func() { nc = &slowCloser{Conn: nc, until: closes} })
			return nc, err
		}))
		waitInVain := func() {
			GinkgoHelper()
			mute()
			ended := make(chan error, 1)
			go func() {
				ctx, cancel := c.FallbackContext(ctx)
				defer cancel()
				ended <- getUnder(ctx, c)
			}()
			Eventually(func() chan error { mock.Add(100 * time.Millisecond); return ended }).Should(Receive(MatchError(cryptomem.ErrTimeout)))
		}
		Expect(get(c)).To(MatchError(cryptomem.ErrNotFound))
		waitInVain()
		speak()
		back(c)
		waitInVain()
		close(closes)
		for range 100 {
			Expect(get(c)).To(MatchError(cryptomem.ErrUnavailable))
			mock.Add(100 * time.Millisecond)
		}
		speak()
		back(c)
	})

	It("is not remembered by a client without pauses", func() {
		c := client(cryptomem.WithBackoff(0, 0))
		reach(noRoute)
		server.restart()
		Eventually(func() error { return get(c) }).Should(MatchError(noRoute))
		reach(nil)
		Expect(get(c)).To(MatchError(cryptomem.ErrNotFound))
	})

	It("does not affect connections that still work", func() {
		c := client(cryptomem.WithConnections(2))
		Expect(get(c)).To(MatchError(cryptomem.ErrNotFound))
		Expect(get(c)).To(MatchError(cryptomem.ErrNotFound))
		reach(noRoute)
		server.mu.Lock()
		Expect(server.open[0].Close()).To(Succeed())
		server.mu.Unlock()
		for range 10 {
			Expect(get(c)).To(MatchError(cryptomem.ErrNotFound))
		}
	})

	DescribeTable("is what a dialer makes that", func(broken func(), message string) {
		var well atomic.Bool
		well.Store(true)
		c := client(cryptomem.WithDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			if !well.Load() {
				broken()
			}
			return server.dial(ctx, addr)
		}))
		Expect(get(c)).To(MatchError(cryptomem.ErrNotFound))
		well.Store(false)
		server.restart()
		Eventually(func() error { return get(c) }).Should(MatchError("connect to peer: dialer " + message))
		well.Store(true)
		back(c)
	},
		Entry("panics", func() { panic("oops") }, "panicked: oops"),
		Entry("ends its goroutine", func() { runtime.Goexit() }, "ended its goroutine (runtime.Goexit)"),
	)
})
