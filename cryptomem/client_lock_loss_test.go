package cryptomem_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

var _ = Describe("Lock", func() {
	var (
		w          *world
		mine, hers *cryptomem.Client
		ctx        = context.Background()
		key        = "door"
	)

	BeforeEach(func() {
		w = newWorld(server.Config{})
		mine, hers = w.client(), w.client()
	})

	take := func(c *cryptomem.Client) *cryptomem.Lock {
		GinkgoHelper()
		l, err := c.TryLock(ctx, key, cryptomem.TTL(time.Minute))
		Expect(err).NotTo(HaveOccurred())
		return l
	}

	It("is released if its caller leaves before the store has answered", func() {
		held := newHeldDialer(w.dial)
		hasty := w.client(cryptomem.WithDialer(held.dial))
		leaving, leave := context.WithCancel(ctx)
		ended := make(chan error, 1)
		held.after(0)
		go func() {
			defer GinkgoRecover()
			l, err := hasty.TryLock(leaving, key, cryptomem.TTL(time.Hour))
			Expect(l).To(BeNil(), "a lock or an error, never both")
			ended <- err
		}()
		Eventually(held.holding).Should(BeTrue())
		leave()
		Expect(<-ended).To(MatchError(context.Canceled))
		Expect(hers.TryLock(ctx, key, cryptomem.TTL(time.Minute))).Error().To(MatchError(cryptomem.ErrLocked))
		held.release()
		Eventually(func() error { _, err := hers.TryLock(ctx, key, cryptomem.TTL(time.Minute)); return err }).Should(Succeed())
	})

	It("is kept by the attempt that takes it after one whose outcome is unknown", func() {
		inner, err := cryptomem.NewServerStore("pipe", cryptomem.WithDialer(w.dial), cryptomem.WithClock(w.clock))
		Expect(err).NotTo(HaveOccurred())
		var lost atomic.Bool
		c, err := cryptomem.NewClient(&liar{Store: inner, lie: func(r *cryptomem.Request) bool {
			if r.Command != cryptomem.CommandAdd || lost.Swap(true) {
				return false
			}
			r.Err = cryptomem.ErrMaybeApplied // and it never arrives
			return true
		}}, cryptomem.WithSecret([]byte(secret)), cryptomem.WithClock(w.clock))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		take(c)
		for range 10 {
			w.clock.Add(time.Second)
			Expect(c.TryLock(ctx, key, cryptomem.TTL(time.Minute))).Error().To(MatchError(cryptomem.ErrLocked))
			Expect(hers.TryLock(ctx, key, cryptomem.TTL(time.Minute))).Error().To(MatchError(cryptomem.ErrLocked))
		}
	})

	Describe("that may have been taken although its caller got an error", func() {
		var (
			c      *cryptomem.Client
			mu     sync.Mutex
			looked []time.Time
		)

		// lost has TryLock fail once, with the answer to its ADD lost. What the store then
		// says to the nth look for the lock is its own answer if that of says is nil.
		lost := func(says func(n int) error) {
			GinkgoHelper()
			inner, err := cryptomem.NewServerStore("pipe", cryptomem.WithDialer(w.dial), cryptomem.WithClock(w.clock))
			Expect(err).NotTo(HaveOccurred())
			added, broken := false, false
			looked = nil
			c, err = cryptomem.NewClient(&liar{Store: inner, lie: func(r *cryptomem.Request) bool {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case r.Command == cryptomem.CommandAdd && !added:
					added = true
					_ = inner.Do(ctx, r)
					r.Err = cryptomem.ErrMaybeApplied
				case r.Command == cryptomem.CommandGetItem && !broken:
					broken = true
					r.Err = errors.New("broken")
				case r.Command == cryptomem.CommandGetItem:
					looked = append(looked, w.clock.Now())
					r.Err = says(len(looked))
				default:
					return false
				}
				return r.Err != nil
			}}, cryptomem.WithSecret([]byte(secret)), cryptomem.WithClock(w.clock))
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(c.Close)
			Expect(c.TryLock(ctx, key, cryptomem.TTL(time.Minute))).Error().To(MatchError("broken"))
		}
		looks := func() int {
			mu.Lock()
			defer mu.Unlock()
			return len(looked)
		}
		// later returns how often it has been looked for a little later.
		later := func() int {
			for range 10 {
				w.clock.Add(time.Millisecond)
			}
			return looks()
		}
		// muchLater lets it be looked for again as often as it may be.
		muchLater := func() {
			for range 40 {
				w.clock.Add(time.Second)
			}
		}

		It("is looked for three times, each time after a longer pause, in case it arrives late", func() {
			lost(func(int) error { return cryptomem.ErrNotFound })
			Eventually(later).Should(BeNumerically(">=", 3))
			muchLater()
			Expect(looked).To(HaveLen(3))
			Expect(looked[1].Sub(looked[0])).To(BeNumerically(">=", 2500*time.Microsecond))
			Expect(looked[2].Sub(looked[1])).To(BeNumerically(">=", 5*time.Millisecond))
		})

		It("is released once it has arrived, and then left alone", func() {
			lost(func(n int) error {
				if n < 3 {
					return cryptomem.ErrNotFound
				}
				return nil
			})
			Expect(hers.TryLock(ctx, key, cryptomem.TTL(time.Minute))).Error().To(MatchError(cryptomem.ErrLocked))
			Eventually(func() error {
				later()
				_, err := hers.TryLock(ctx, key, cryptomem.TTL(time.Hour))
				return err
			}).Should(Succeed())
			muchLater()
			Expect(looks()).To(Equal(3))
		})

		It("is looked for while the store does not answer, and no longer than it would be held", func() {
			lost(func(int) error { return errors.New("no answer") })
			Eventually(later).Should(BeNumerically(">", 5))
			w.clock.Add(time.Minute)
			before := looks()
			muchLater()
			Expect(looks()).To(BeNumerically("<=", before+1), "one may have been under way")
		})

		It("can be taken again by its own client at once", func() {
			lost(func(n int) error {
				if n == 1 {
					return errors.New("no answer")
				}
				return nil
			})
			Eventually(looks).Should(Equal(1))
			Expect(hers.TryLock(ctx, key, cryptomem.TTL(time.Minute))).Error().To(MatchError(cryptomem.ErrLocked))
			Expect(c.TryLock(ctx, key, cryptomem.TTL(time.Minute))).NotTo(BeNil())
		})
	})

	It("reports that its time was over before the answer came", func() {
		far := w.client(cryptomem.WithDialer(w.far(30 * time.Millisecond)))
		for _, lock := range []func(context.Context, string, ...cryptomem.StoreOption) (*cryptomem.Lock, error){far.TryLock, far.Lock} {
			l, err := lock(ctx, key, cryptomem.TTL(50*time.Millisecond))
			Expect(l).To(BeNil())
			Expect(err).To(MatchError(cryptomem.ErrNotHeld))
			Expect(err).To(MatchError(ContainSubstring("its time of 50ms was over when it was taken")))
		}
		Expect(far.TryLock(ctx, key, cryptomem.TTL(time.Second))).NotTo(BeNil())
	})

	It("reports that its time was over before the client could check its owner", func() {
		inner, err := cryptomem.NewServerStore("pipe", cryptomem.WithDialer(w.dial), cryptomem.WithClock(w.clock))
		Expect(err).NotTo(HaveOccurred())
		c, err := cryptomem.NewClient(&liar{Store: inner, lie: func(r *cryptomem.Request) bool {
			if r.Command == cryptomem.CommandGetItem {
				w.clock.Add(time.Minute)
			}
			return false
		}}, cryptomem.WithSecret([]byte(secret)), cryptomem.WithClock(w.clock))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		for _, lock := range []func(context.Context, string, ...cryptomem.StoreOption) (*cryptomem.Lock, error){c.TryLock, c.Lock} {
			l, err := lock(ctx, key, cryptomem.TTL(50*time.Millisecond))
			Expect(l).To(BeNil())
			Expect(err).To(MatchError(cryptomem.ErrNotHeld))
			Expect(err).To(MatchError(ContainSubstring("its time of 50ms was over when it was taken, which took 1m0s")))
		}
		Expect(c.TryLock(ctx, key, cryptomem.TTL(time.Hour))).NotTo(BeNil())
	})

	Describe("kept alive", func() {
		It("is held for longer than its time, until it is unlocked", func() {
			l := take(mine)
			alive := l.KeepAlive(ctx)
			for range 20 {
				before, last := l.Fence(), w.clock.Now()
				Eventually(func() uint64 { w.towardsExtension(last, time.Minute); return l.Fence() }).Should(BeNumerically(">", before))
				Expect(hers.TryLock(ctx, key, cryptomem.TTL(time.Minute))).Error().To(MatchError(cryptomem.ErrLocked))
			}
			Expect(alive.Err()).NotTo(HaveOccurred())
			Expect(l.Unlock(ctx)).To(Succeed())
			Expect(alive.Done()).To(BeClosed())
			take(hers)
		})

		It("ends its context when it is lost to another holder", func() {
			l := take(mine)
			alive := l.KeepAlive(ctx)
			Expect(hers.Delete(ctx, key)).To(Succeed())
			take(hers)
			Eventually(func() <-chan struct{} { w.clock.Add(5 * time.Second); return alive.Done() }).Should(BeClosed())
			Expect(context.Cause(alive)).To(MatchError(cryptomem.ErrNotHeld))
			Expect(l.Unlock(ctx)).To(MatchError(cryptomem.ErrNotHeld))
		})

		It("ends its context with its time when the store does not answer", func() {
			held := newHeldDialer(w.dial)
			l := take(w.client(cryptomem.WithDialer(held.dial), cryptomem.WithTimeout(time.Hour)))
			alive := l.KeepAlive(ctx)
			held.after(0)
			Eventually(func() <-chan struct{} { w.clock.Add(time.Second); return alive.Done() }).Should(BeClosed())
			Expect(context.Cause(alive)).To(MatchError(cryptomem.ErrNotHeld))
			Expect(w.clock.Now()).To(BeTemporally(">=", l.Expires()))
			held.release()
		})

		It("ends its context with the caller's, and with the client", func() {
			parent, cancel := context.WithCancel(ctx)
			l := take(mine)
			alive := l.KeepAlive(parent)
			cancel()
			Expect(alive.Done()).To(BeClosed())
			alive = l.KeepAlive(ctx)
			Expect(alive.Err()).NotTo(HaveOccurred())
			Expect(mine.Close()).To(Succeed())
			Expect(alive.Done()).To(BeClosed())
			Expect(context.Cause(alive)).To(MatchError(cryptomem.ErrClosed))
			Expect(context.Cause(l.KeepAlive(ctx))).To(MatchError(cryptomem.ErrClosed))
		})
	})
})
