package cryptomem_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

var _ = Describe("The lease of a load", func() {
	var (
		w    *world
		c    *cryptomem.Client
		seen *recorder
		ctx  = context.Background()
		key  = "key"
	)

	BeforeEach(func() {
		w, seen = newWorld(server.Config{AllowFlush: true}), new(recorder)
		c = w.client(cryptomem.WithObserver(seen))
	})

	value := func(v string) cryptomem.Loader {
		return func(context.Context) ([]byte, error) { return []byte(v), nil }
	}

	// during lets change happen while c loads "old", and returns what c's own
	// caller got.
	during := func(change func(), opts ...cryptomem.LoadOption) string {
		GinkgoHelper()
		got, err := c.GetOrLoad(ctx, key, func(context.Context) ([]byte, error) {
			change()
			return []byte("old"), nil
		}, opts...)
		Expect(err).NotTo(HaveOccurred())
		return string(got)
	}

	It("takes three round trips: a read, the lease and a swap", func() {
		Expect(c.GetOrLoad(ctx, key, value("v"))).To(Equal([]byte("v")))
		Expect(seen.commands()).To(Equal([]cryptomem.Command{
			cryptomem.CommandGet, cryptomem.CommandAdd, cryptomem.CommandGetItem, cryptomem.CommandSwap,
		}))
	})

	DescribeTable("keeps out what was loaded before the key was", func(change func(c *cryptomem.Client) error, after string) {
		for _, who := range []string{"itself", "another"} {
			by := c
			if who == "another" {
				by = w.client()
			}
			Expect(during(func() { Expect(change(by)).To(Succeed()) })).To(Equal("old"), who)
			if after == "" {
				Expect(c.Get(ctx, key)).Error().To(MatchError(cryptomem.ErrNotFound), who)
			} else {
				Expect(c.Get(ctx, key)).To(Equal([]byte(after)), who)
			}
			Expect(c.Invalidate(ctx, key)).To(Succeed())
			Expect(c.GetOrLoad(ctx, key, value("next"))).To(Equal([]byte("next")), who)
			Expect(c.Invalidate(ctx, key)).To(Succeed())
		}
	},
		Entry("deleted", func(c *cryptomem.Client) error { return c.Delete(ctx, key) }, ""),
		Entry("set", func(c *cryptomem.Client) error { return c.Set(ctx, key, []byte("new")) }, "new"),
		Entry("set and deleted", func(c *cryptomem.Client) error {
			return errors.Join(c.Set(ctx, key, []byte("new")), c.Delete(ctx, key))
		}, ""),
		Entry("added", func(c *cryptomem.Client) error { return c.Add(ctx, key, []byte("new")) }, "new"),
		Entry("invalidated", func(c *cryptomem.Client) error { return c.Invalidate(ctx, "other", key) }, ""),
		Entry("flushed", func(c *cryptomem.Client) error { _, err := c.Flush(ctx, ""); return err }, ""),
	)

	DescribeTable("keeps out a stale value's successor when the key was", func(change func() error, after string) {
		opts := []cryptomem.LoadOption{cryptomem.TTL(time.Minute), cryptomem.Stale(time.Hour)}
		Expect(c.GetOrLoad(ctx, key, value("stale"), opts...)).To(Equal([]byte("stale")))
		w.clock.Add(2 * time.Minute)
		loaded := make(chan struct{})
		Expect(c.GetOrLoad(ctx, key, func(context.Context) ([]byte, error) {
			defer close(loaded)
			return []byte("old"), change()
		}, opts...)).To(Equal([]byte("stale")))
		<-loaded
		Eventually(func() bool { return seen.count(cryptomem.CommandSwap) >= 3 }).Should(BeTrue(), "the lease is given back last")
		if after == "" {
			Expect(c.Get(ctx, key)).Error().To(MatchError(cryptomem.ErrNotFound))
		} else {
			Expect(c.Get(ctx, key)).To(Equal([]byte(after)))
		}
	},
		Entry("deleted", func() error { return c.Delete(ctx, key) }, ""),
		Entry("set", func() error { return c.Set(ctx, key, []byte("new")) }, "new"),
	)

	It("is void for callers that come after the change, too: they load again", func() {
		loading, release := make(chan struct{}), make(chan struct{})
		first := make(chan string, 1)
		go func() { first <- during(func() { close(loading); <-release }) }()
		<-loading
		Expect(w.client().Delete(ctx, key)).To(Succeed())
		Expect(c.GetOrLoad(ctx, key, value("new"))).To(Equal([]byte("new")))
		close(release)
		Expect(<-first).To(Equal("old"))
		Expect(c.Get(ctx, key)).To(Equal([]byte("new")))
	})

	It("looks like a missing value to readers of the key", func() {
		other := w.client()
		during(func() {
			Expect(other.Get(ctx, key)).Error().To(MatchError(cryptomem.ErrNotFound))
			_, err := other.GetItem(ctx, key)
			Expect(err).To(MatchError(cryptomem.ErrNotFound))
			Expect(other.Exists(ctx, key)).To(BeFalse())
			Expect(other.GetMany(ctx, []string{key})[0].Err).To(MatchError(cryptomem.ErrNotFound))
		})
		Expect(other.Get(ctx, key)).To(Equal([]byte("old")))
	})

	It("lasts as long as the load does, however short it is", func() {
		other := w.client()
		waiting := make(chan []byte, 1)
		started := seen.count(cryptomem.CommandSwap)
		got := during(func() {
			go func() {
				defer GinkgoRecover()
				v, err := other.GetOrLoad(ctx, key, value("theirs"), cryptomem.Lease(time.Second))
				Expect(err).NotTo(HaveOccurred())
				waiting <- v
			}()
			for range 20 { // ten times the lease
				before, last := seen.count(cryptomem.CommandSwap), w.clock.Now()
				Eventually(func() int {
					w.towardsExtension(last, time.Second)
					return seen.count(cryptomem.CommandSwap)
				}).Should(BeNumerically(">", before))
			}
		}, cryptomem.Lease(time.Second))
		Expect(got).To(Equal("old"))
		Expect(seen.count(cryptomem.CommandSwap)).To(BeNumerically(">", started+20))
		Eventually(func() chan []byte { w.clock.Add(100 * time.Millisecond); return waiting }).Should(Receive(Equal([]byte("old"))))
	})

	It("is no shorter than the way to the store and back", func() {
		far := w.client(cryptomem.WithDialer(w.far(30 * time.Millisecond)))
		Expect(far.GetOrLoad(ctx, key, value("v"), cryptomem.Lease(50*time.Millisecond))).To(Equal([]byte("v")))
		Expect(far.Get(ctx, key)).To(Equal([]byte("v")))
	})

	It("is released if its caller leaves before the store has answered", func() {
		held := newHeldDialer(w.dial)
		hasty := w.client(cryptomem.WithDialer(held.dial))
		Expect(hasty.Ping(ctx)).To(Succeed())
		leaving, leave := context.WithCancel(ctx)
		ended := make(chan error, 1)
		held.after(1) // GET is answered; ADD is not
		go func() { _, err := hasty.GetOrLoad(leaving, key, value("v")); ended <- err }()
		Eventually(held.holding).Should(BeTrue())
		leave()
		Expect(<-ended).To(MatchError(context.Canceled))
		held.release()
		got := make(chan []byte, 1)
		go func() { v, _ := c.GetOrLoad(ctx, key, value("v")); got <- v }()
		// Pauses between looks add up to less than a second, the lease to ten.
		began := w.clock.Now()
		Eventually(func() chan []byte { w.clock.Add(10 * time.Millisecond); return got }).Should(Receive(Equal([]byte("v"))))
		Expect(w.clock.Since(began)).To(BeNumerically("<", 5*time.Second))
	})

	Describe("that comes to nothing", func() {
		DescribeTable("makes no caller wait a second time", func(first cryptomem.Loader) {
			const others = 3
			holding := make(chan struct{})
			go func() {
				_, _ = c.GetOrLoad(ctx, key, func(ctx context.Context) ([]byte, error) {
					close(holding)
					Eventually(func() int { return seen.waiters(key) }).Should(Equal(others))
					return first(ctx)
				})
			}()
			<-holding
			var inside sync.WaitGroup // all load at the same time, or none returns
			inside.Add(others)
			ended := make(chan error, others)
			for range others {
				other := w.client(cryptomem.WithObserver(seen.waiter()))
				go func() {
					_, err := other.GetOrLoad(ctx, key, func(context.Context) ([]byte, error) {
						inside.Done()
						inside.Wait()
						return []byte("v"), nil
					})
					ended <- err
				}()
			}
			for range others {
				Eventually(func() chan error { w.clock.Add(50 * time.Millisecond); return ended }).Should(Receive(BeNil()))
			}
			Expect(c.Get(ctx, key)).To(Equal([]byte("v")))
		},
			Entry("because it failed", func(context.Context) ([]byte, error) { return nil, errors.New("no") }),
			Entry("because it panicked", func(context.Context) ([]byte, error) { panic("no") }),
			Entry("because its goroutine ended", func(context.Context) ([]byte, error) { runtime.Goexit(); return nil, nil }),
			Entry("because its value is above the limit", func(context.Context) ([]byte, error) { return make([]byte, 2<<20), nil }),
		)
	})
})
