package valkeystore_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ = Describe("What gets no answer", func() {
	var server *valkeytest.Server
	BeforeEach(func() { server = startServer() })

	connected := func(opts ...valkeystore.Option) caller {
		GinkgoHelper()
		c := caller{openOnce("valkey://"+server.Addr, opts...)}
		Eventually(func() error { return c.set("name", "old", 0) }).Should(Succeed()) // which takes that the answer comes in time
		return c
	}
	set := func(ctx context.Context, c caller, value string) error {
		return c.store.Do(ctx, &cryptomem.Request{Command: wire.Set, Name: []byte("name"), Value: seal("name", value, time.Time{})})
	}
	get := func(ctx context.Context, c caller) error {
		return c.store.Do(ctx, &cryptomem.Request{Command: wire.Get, Name: []byte("name")})
	}

	It("was surely not applied if no server listens", func() {
		server.Kill()
		err := caller{openOnce("valkey://" + server.Addr)}.set("name", "1", 0)
		Expect(err).To(MatchError(cryptomem.ErrUnavailable))
		Expect(err).NotTo(MatchError(cryptomem.ErrMaybeApplied))
	})

	It("was surely not applied if the caller's time was over before", func() {
		c := connected()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err := set(ctx, c, "new")
		Expect(err).To(MatchError(context.Canceled))
		Expect(err).NotTo(MatchError(cryptomem.ErrMaybeApplied))
	})

	It("may have been applied if the caller's time ends in between", func() {
		c := connected()
		server.Stop()
		var err error
		Eventually(func() error { // which takes that it leaves in time
			err = set(within(20*time.Millisecond), c, "new")
			return err
		}).Should(MatchError(cryptomem.ErrMaybeApplied))
		Expect(err).To(MatchError(context.DeadlineExceeded))
		err = get(within(20*time.Millisecond), c)
		Expect(err).To(MatchError(context.DeadlineExceeded))
		Expect(err).NotTo(MatchError(cryptomem.ErrMaybeApplied), "reading twice does no harm")
		server.Continue()
	})

	It("may have been applied if the connection breaks in between", func() {
		c := connected()
		server.Stop()
		ended := make(chan error, 2)
		go func() { ended <- set(within(testTimeout), c, "new") }()
		go func() { ended <- get(within(testTimeout), c) }()
		Eventually(func() int { return valkeystore.InFlight(c.store.(*valkeystore.Store)) }).Should(Equal(2))
		server.Kill()
		Expect([]error{<-ended, <-ended}).To(ConsistOf(
			MatchError(cryptomem.ErrMaybeApplied),
			And(MatchError(cryptomem.ErrUnavailable), Not(MatchError(cryptomem.ErrMaybeApplied))),
		))
	})

	It("may have been applied if the server stays silent, which is not the caller's deadline", func() {
		c := connected(valkeystore.WithTimeout(50 * time.Millisecond))
		server.Stop()
		err := set(within(testTimeout), c, "new")
		Expect(err).To(MatchError(cryptomem.ErrMaybeApplied))
		Expect(err).To(MatchError(cryptomem.ErrTimeout))
		Expect(err).NotTo(MatchError(context.DeadlineExceeded))
		server.Continue()
	})

	It("may have been applied if the store is closed in between", func() {
		c := connected()
		server.Stop()
		ended := make(chan error, 1)
		go func() { ended <- set(within(testTimeout), c, "new") }()
		Eventually(func() int { return valkeystore.InFlight(c.store.(*valkeystore.Store)) }).Should(Equal(1))
		Expect(c.store.Close()).To(Succeed())
		err := <-ended
		Expect(err).To(MatchError(cryptomem.ErrMaybeApplied))
		Expect(err).To(MatchError(cryptomem.ErrClosed))
		server.Continue()
	})

	It("leaves an idle connection that was killed to be noticed before the next call", func() {
		c := connected()
		for range 20 {
			server.Must("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			Eventually(func() bool { return valkeystore.Lost(c.store.(*valkeystore.Store)) }).Should(BeTrue())
			Expect(c.set("name", "new", 0)).To(Succeed())
		}
	})
})

var _ = Describe("What was surely not applied", func() {
	It("is sent again until it succeeds, alone and in a batch, and sealed again each time", func() {
		server := startServer()
		c := caller{open("valkey://"+server.Addr, valkeystore.WithBackoff(time.Millisecond, time.Millisecond))}
		for _, send := range []func(*cryptomem.Request) error{
			c.do,
			func(r *cryptomem.Request) error {
				c.store.DoAll(within(testTimeout), []*cryptomem.Request{r})
				return r.Err
			},
		} {
			server.Must("CONFIG", "SET", "min-replicas-to-write", "1")
			var seals atomic.Int32
			ended := make(chan error, 1)
			go func() {
				ended <- send(&cryptomem.Request{Command: wire.Set, Name: []byte("name"), Sealer: sealFunc(func(r *cryptomem.Request) error {
					seals.Add(1)
					r.Value = []byte("value")
					return nil
				})})
			}()
			Eventually(seals.Load).Should(BeNumerically(">", 3))
			server.Must("CONFIG", "SET", "min-replicas-to-write", "0")
			Eventually(ended).Should(Receive(BeNil()))
		}
	})

	It("ends in what it was refused with when the time is over", func() {
		server := startServer()
		server.Must("CONFIG", "SET", "min-replicas-to-write", "1")
		s := open("valkey://"+server.Addr, valkeystore.WithBackoff(time.Hour, time.Hour))
		ctx, cancel := context.WithCancel(within(2 * time.Hour))
		ended := make(chan error, 1)
		go func() { ended <- s.Do(ctx, &cryptomem.Request{Command: wire.Set, Name: []byte("name")}) }()
		Eventually(s.Counts).WithTimeout(testTimeout).Should(HaveKey("NOREPLICAS"))
		cancel()
		Eventually(ended).WithTimeout(testTimeout).Should(Receive(MatchError(ContainSubstring("NOREPLICAS"))))
	})

	It("ends with the reason of an earlier try when the time is over during another", func() {
		set := &cryptomem.Request{Command: wire.Set, Name: []byte("name")}
		get := &cryptomem.Request{Command: wire.Get, Name: []byte("other")}
		for _, send := range []func(context.Context, cryptomem.Store) error{
			func(ctx context.Context, s cryptomem.Store) error { return s.Do(ctx, set) },
			func(ctx context.Context, s cryptomem.Store) error {
				s.DoAll(ctx, []*cryptomem.Request{set, get})
				return get.Err
			},
		} {
			addr, tries := hangUpOnce()
			s := open("valkey://"+addr, valkeystore.WithBackoff(time.Millisecond, time.Millisecond), valkeystore.WithDialTimeout(testTimeout))
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- send(ctx, s) }()
			Eventually(tries).WithTimeout(testTimeout).Should(Receive(Equal(2)))
			cancel()
			var err error
			Eventually(ended).WithTimeout(testTimeout).Should(Receive(&err))
			Expect(err).To(MatchError(context.Canceled))
			Expect(err).To(MatchError(ContainSubstring("connect: EOF")))
			Expect(err).To(MatchError(cryptomem.ErrUnavailable))
			Expect(err).NotTo(MatchError(cryptomem.ErrMaybeApplied))
		}
	})

	It("is given up after the timeout since the call began, if the caller has no deadline: the client does not begin anew", func() {
		server := startServer()
		server.Must("CONFIG", "SET", "min-replicas-to-write", "1")
		clk := clock.NewMock()
		c := sealedClient(open("valkey://"+server.Addr, valkeystore.WithClock(clk)), cryptomem.WithClock(clk))
		Expect(c.Ping(context.Background())).To(Succeed())
		for _, set := range []func() error{
			func() error { return c.Set(context.Background(), "k", nil) },
			func() error {
				return errors.Join(c.SetMany(context.Background(), []cryptomem.Pair{{Key: "k"}, {Key: "l"}})...)
			},
			func() error {
				return c.SwapAll(context.Background(), []*cryptomem.Access{{Command: cryptomem.CommandSet, Key: []byte("k")}})
			},
		} {
			ended := make(chan error, 1)
			began := clk.Now()
			go func() { ended <- set() }()
			var err error
			Eventually(func() chan error {
				clk.Add(100 * time.Millisecond)
				return ended
			}).WithTimeout(testTimeout).Should(Receive(&err))
			Expect(err).To(MatchError(cryptomem.ErrUnavailable))
			Expect(clk.Since(began)).To(BeNumerically("<", valkeystore.DefaultTimeout+time.Second))
		}
	})

	It("is not tried again when the first try took all the time", func() {
		server := startServer()
		server.Must("CONFIG", "SET", "min-replicas-to-write", "1")
		clk := clock.NewMock()
		s := open("valkey://"+server.Addr, valkeystore.WithClock(clk))
		seals := 0
		slow := func() *cryptomem.Request {
			return &cryptomem.Request{Command: wire.Set, Name: []byte("name"), Sealer: sealFunc(func(r *cryptomem.Request) error {
				seals++
				r.Value = []byte("value")
				clk.Add(valkeystore.DefaultTimeout)
				return nil
			})}
		}
		Expect(s.Do(context.Background(), slow())).To(MatchError(cryptomem.ErrUnavailable))
		Expect(seals).To(Equal(1))
		r := slow()
		s.DoAll(context.Background(), []*cryptomem.Request{r})
		Expect(r.Err).To(MatchError(cryptomem.ErrUnavailable))
		Expect(seals).To(Equal(2))
	})

	It("is a timeout, not the caller's doing, when the time of a call that can do without the store is over", func() {
		server := startServer()
		server.Must("CONFIG", "SET", "min-replicas-to-write", "1")
		clk := clock.NewMock()
		store := open("valkey://"+server.Addr, valkeystore.WithClock(clk),
			valkeystore.WithBackoff(time.Hour, time.Hour), valkeystore.WithTimeout(2*time.Hour))
		c := sealedClient(store, cryptomem.WithClock(clk))
		Expect(c.Ping(context.Background())).To(Succeed())
		ctx, cancel := c.FallbackContext(context.Background())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- c.Set(ctx, "k", nil) }()
		Eventually(store.Counts).WithTimeout(testTimeout).Should(HaveKey("NOREPLICAS"))
		var err error
		Eventually(func() chan error {
			clk.Add(100 * time.Millisecond)
			return ended
		}).WithTimeout(testTimeout).Should(Receive(&err))
		Expect(err).To(MatchError(cryptomem.ErrTimeout))
		Expect(err).To(MatchError(cryptomem.ErrUnavailable))
		Expect(err).To(MatchError(ContainSubstring("NOREPLICAS")))
		Expect(err).NotTo(MatchError(context.Canceled))
	})

	It("is given up when the store is closed", func() {
		server := startServer()
		server.Must("CONFIG", "SET", "min-replicas-to-write", "1")
		s := open("valkey://"+server.Addr, valkeystore.WithBackoff(time.Hour, time.Hour))
		ended := make(chan error, 1)
		go func() {
			ended <- s.Do(within(2*time.Hour), &cryptomem.Request{Command: wire.Set, Name: []byte("name")})
		}()
		Eventually(s.Counts).Should(HaveKey("NOREPLICAS"))
		Expect(s.Close()).To(Succeed())
		Eventually(ended).Should(Receive(MatchError(cryptomem.ErrUnavailable)))
	})
})

// sealedClient returns a client of the store.
func sealedClient(store cryptomem.Store, opts ...cryptomem.Option) *cryptomem.Client {
	GinkgoHelper()
	c, err := cryptomem.NewClient(store, append(opts, cryptomem.WithSecret([]byte("a secret that only specs may have"[:32])))...)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(c.Close)
	return c
}

// hangUpOnce listens: to the first connection it says nothing and closes it, to later ones
// it says nothing. It tells how many there were.
func hangUpOnce() (addr string, tries chan int) {
	GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(l.Close)
	tries = make(chan int, 100)
	go func() {
		for n := 1; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if n == 1 {
				_, _ = conn.Read(make([]byte, 1000)) // else it is reset, which is another word
				_ = conn.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(io.Discard, conn) // until the client hangs up
				_ = conn.Close()
			}()
			tries <- n
		}
	}()
	return l.Addr().String(), tries
}

var _ = Describe("A node that does not answer", func() {
	var server *valkeytest.Server
	BeforeEach(func() { server = startServer() })

	It("holds no caller beyond its deadline, however many there are, and serves all of them afterwards", func() {
		c := caller{open("valkey://"+server.Addr, valkeystore.WithTimeout(time.Hour))}
		Expect(c.set("name", "old", 0)).To(Succeed())
		server.Stop()
		const callers = 3000
		ended := make(chan error, callers)
		value := seal("name", "new", time.Time{})
		for range callers {
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
				defer cancel()
				ended <- c.store.Do(ctx, &cryptomem.Request{Command: wire.Set, Name: []byte("name"), Value: value})
			}()
		}
		sent := 0
		for range callers {
			var err error
			Eventually(ended).WithTimeout(testTimeout).Should(Receive(&err), "the node is stopped all the while, and given up after an hour")
			Expect(err).To(MatchError(context.DeadlineExceeded))
			if errors.Is(err, cryptomem.ErrMaybeApplied) {
				sent++
			}
		}
		Expect(sent).To(BeNumerically("<", 1000), "the others never left")
		server.Continue()
		for range 3 * 1000 {
			Expect(c.set("name", "new", 0)).To(Succeed())
		}
		Eventually(func() int { return valkeystore.InFlight(c.store.(*valkeystore.Store)) }).Should(BeZero())
	})

	It("blocks no caller while it is being dialled, and fails none for another's deadline", func() {
		server.Stop() // the kernel accepts connections for it
		c := caller{open("valkey://"+server.Addr, valkeystore.WithDialTimeout(time.Hour))}
		short := make(chan error, 50)
		long := make(chan error, 1)
		go func() { long <- c.set("name", "new", 0) }()
		for range cap(short) {
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
				defer cancel()
				short <- c.store.Do(ctx, &cryptomem.Request{Command: wire.Get, Name: []byte("name")})
			}()
		}
		for range cap(short) {
			Eventually(short).WithTimeout(testTimeout).Should(Receive(Equal(context.DeadlineExceeded)))
		}
		server.Continue()
		Eventually(long).WithTimeout(testTimeout).Should(Receive(BeNil()))
	})

	It("blocks no caller while its lost connection is made anew", func() {
		c := caller{open("valkey://"+server.Addr, valkeystore.WithDialTimeout(time.Hour), valkeystore.WithTimeout(time.Hour))}
		Expect(c.set("name", "old", 0)).To(Succeed())
		server.Must("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		server.Stop()
		Eventually(func() bool { return valkeystore.Lost(c.store.(*valkeystore.Store)) }).Should(BeTrue())
		ended := make(chan error, 50)
		for range cap(ended) {
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
				defer cancel()
				ended <- c.store.Do(ctx, &cryptomem.Request{Command: wire.Set, Name: []byte("name"), Value: []byte("v")})
			}()
		}
		for range cap(ended) {
			Eventually(ended).WithTimeout(testTimeout).Should(Receive(Equal(context.DeadlineExceeded)), "surely not sent")
		}
		server.Continue()
		Expect(c.set("name", "new", 0)).To(Succeed())
	})

	It("never lets a write that was given up overtake a later one", func() {
		c := caller{open("valkey://" + server.Addr)}
		Expect(c.set("name", "first", 0)).To(Succeed())
		for i := range 200 {
			server.Stop()
			cancelled := c.store.Do(within(2*time.Millisecond), &cryptomem.Request{
				Command: wire.Set, Name: []byte("name"), Value: seal("name", "cancelled", time.Time{}),
			})
			Expect(cancelled).To(HaveOccurred())
			server.Continue()
			Expect(c.set("name", strconv.Itoa(i), 0)).To(Succeed())
			Expect(c.get("name")).To(Equal(strconv.Itoa(i)))
		}
	})

	It("never stores one name's value under another, however many calls are given up", func() {
		c := caller{open("valkey://" + server.Addr)}
		names := make([]string, 64)
		for i := range names {
			names[i] = "name " + strconv.Itoa(i)
		}
		for range 20 {
			server.Stop()
			ended := make(chan error, len(names))
			for _, name := range names {
				go func() {
					ctx, cancel := context.WithTimeout(context.Background(), 2*time.Millisecond)
					defer cancel()
					ended <- c.store.Do(ctx, &cryptomem.Request{Command: wire.Set, Name: []byte(name), Value: seal(name, name, time.Time{})})
				}()
			}
			for range names {
				Eventually(ended).WithTimeout(testTimeout).Should(Receive())
			}
			server.Continue()
			for _, name := range names {
				value, err := c.get(name)
				if err == nil {
					Expect(value).To(Equal(name))
				} else {
					Expect(err).To(MatchError(cryptomem.ErrNotFound))
				}
			}
		}
	})
})
