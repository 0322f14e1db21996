package cryptomem_test

import (
	"bytes"
	"context"
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
		minute     = cryptomem.TTL(time.Minute)
	)

	BeforeEach(func() {
		w = newWorld(server.Config{})
		mine, hers = w.client(), w.client()
	})

	take := func(c *cryptomem.Client, opts ...cryptomem.StoreOption) *cryptomem.Lock {
		GinkgoHelper()
		l, err := c.TryLock(ctx, key, opts...)
		Expect(err).NotTo(HaveOccurred())
		return l
	}

	locked := func(c *cryptomem.Client) {
		GinkgoHelper()
		_, err := c.TryLock(ctx, key, minute)
		Expect(err).To(MatchError(cryptomem.ErrLocked))
	}

	It("is held by one at a time, also within one client", func() {
		l := take(mine, minute)
		locked(hers)
		locked(mine)
		Expect(l.Unlock(ctx)).To(Succeed())
		take(hers, minute)
		locked(mine)
	})

	It("is tried three times, if others are faster and give it up", func() {
		inner, err := cryptomem.NewServerStore("pipe", cryptomem.WithDialer(w.dial), cryptomem.WithClock(w.clock))
		Expect(err).NotTo(HaveOccurred())
		tries := 0
		store := &liar{Store: inner, lie: func(r *cryptomem.Request) bool {
			if r.Command == cryptomem.CommandAdd {
				tries++
			}
			if r.Command == cryptomem.CommandSwap {
				r.Err = cryptomem.ErrChanged
			}
			return r.Err != nil
		}}
		c, err := cryptomem.NewClient(store, cryptomem.WithSecret([]byte(secret)), cryptomem.WithClock(w.clock))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		Expect(take(mine, minute).Unlock(ctx)).To(Succeed())
		locked(c)
		Expect(tries).To(Equal(3))
	})

	It("is given up although an Extend of unknown outcome arrives in between", func() {
		inner, err := cryptomem.NewServerStore("pipe", cryptomem.WithDialer(w.dial), cryptomem.WithClock(w.clock))
		Expect(err).NotTo(HaveOccurred())
		store := &liar{Store: inner}
		c, err := cryptomem.NewClient(store, cryptomem.WithSecret([]byte(secret)), cryptomem.WithClock(w.clock))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		l := take(c, minute)

		var late *cryptomem.Request // the Extend, on another connection
		store.lie = func(r *cryptomem.Request) bool {
			switch {
			case r.Command != cryptomem.CommandSwap:
				return false
			case late == nil:
				Expect(r.Sealer.SealRequest(r)).To(Succeed())
				extend := *r
				extend.Sealer, extend.Name, extend.Value = nil, bytes.Clone(r.Name), bytes.Clone(r.Value)
				late, r.Err = &extend, cryptomem.ErrMaybeApplied
				return true
			}
			store.lie = nil
			Expect(inner.Do(ctx, late)).To(Succeed())
			return false
		}
		Expect(l.Extend(ctx, cryptomem.TTL(time.Hour))).To(MatchError(cryptomem.ErrMaybeApplied))
		Expect(l.Unlock(ctx)).To(Succeed())
		take(hers, minute)
	})

	It("is held by a client with a key that this client does not have, or not yet", func() {
		later := w.client(cryptomem.WithSecret([]byte("another secret of 32 bytes-----!")))
		l := take(later, minute)
		locked(mine)
		_, err := mine.TryLock(ctx, key, minute)
		Expect(err).To(MatchError(cryptomem.ErrNotAuthentic))
		Expect(l.Unlock(ctx)).To(Succeed())
		w.clock.Add(time.Millisecond)
		take(mine, minute)
	})

	It("is free when its time is over, and then no longer held", func() {
		l := take(mine, minute)
		Expect(l.Expires()).To(Equal(w.clock.Now().Add(time.Minute)))
		w.clock.Add(time.Minute)
		other := take(hers, minute)
		Expect(l.Unlock(ctx)).To(MatchError(cryptomem.ErrNotHeld))
		Expect(l.Extend(ctx, minute)).To(MatchError(cryptomem.ErrNotHeld))
		locked(mine)
		Expect(other.Unlock(ctx)).To(Succeed())
		Expect(other.Unlock(ctx)).To(MatchError(cryptomem.ErrNotHeld))
	})

	It("is held for longer when it is extended", func() {
		l := take(mine, minute)
		w.clock.Add(50 * time.Second)
		Expect(l.Extend(ctx, minute)).To(Succeed())
		w.clock.Add(50 * time.Second)
		locked(hers)
		Expect(l.Unlock(ctx)).To(Succeed())
	})

	It("has a fence that grows from holder to holder", func() {
		last := uint64(0)
		for range 3 {
			for _, c := range []*cryptomem.Client{mine, hers} {
				l := take(c, minute)
				Expect(l.Fence()).To(BeNumerically(">", last))
				last = l.Fence()
				Expect(l.Extend(ctx, cryptomem.TTL(time.Hour))).To(Succeed())
				Expect(l.Fence()).To(BeNumerically(">", last))
				last = l.Fence()
				Expect(l.Unlock(ctx)).To(Succeed())
			}
		}
	})

	It("is waited for until it is free, or the context ends", func() {
		l := take(mine, minute)
		got := make(chan *cryptomem.Lock, 1)
		go func() {
			defer GinkgoRecover()
			l, err := hers.Lock(ctx, key, minute)
			Expect(err).NotTo(HaveOccurred())
			got <- l
		}()
		Expect(l.Unlock(ctx)).To(Succeed())
		Eventually(func() chan *cryptomem.Lock { w.clock.Add(10 * time.Millisecond); return got }).Should(Receive())

		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, err := mine.Lock(ended, key, minute)
		Expect(err).To(MatchError(context.Canceled))
	})

	It("takes its time as values do: from an option, or else from the client", func() {
		l := take(w.client(cryptomem.WithDefaultTTL(time.Hour)), minute)
		Expect(l.Expires()).To(Equal(w.clock.Now().Add(time.Minute)))
		Expect(l.Unlock(ctx)).To(Succeed())
		midnight := w.clock.Now().Add(90 * time.Minute)
		l = take(mine, cryptomem.ExpiresAt(midnight))
		Expect(l.Expires()).To(Equal(midnight))
		Expect(l.Unlock(ctx)).To(Succeed())
		l = take(w.client(cryptomem.WithDefaultTTL(time.Hour)))
		Expect(l.Expires()).To(Equal(w.clock.Now().Add(time.Hour)))
	})

	It("is extended for as long as before, unless told otherwise", func() {
		l := take(mine, minute)
		w.clock.Add(50 * time.Second)
		Expect(l.Extend(ctx)).To(Succeed())
		Expect(l.Expires()).To(Equal(w.clock.Now().Add(time.Minute)))
		Expect(l.Extend(ctx, cryptomem.TTL(time.Hour))).To(Succeed())
		w.clock.Add(50 * time.Minute)
		Expect(l.Extend(ctx)).To(Succeed())
		Expect(l.Expires()).To(Equal(w.clock.Now().Add(time.Hour)))
	})

	It("has to end some time", func() {
		l := take(mine, minute)
		for _, opts := range [][]cryptomem.StoreOption{{cryptomem.TTL(0)}, {cryptomem.ExpiresAt(time.Time{})}} {
			_, err := mine.TryLock(ctx, "other door", opts...)
			Expect(err).To(MatchError(ContainSubstring("never end")))
			Expect(l.Extend(ctx, opts...)).To(MatchError(ContainSubstring("never end")))
		}
		Expect(mine.TryLock(ctx, "other door")).Error().To(MatchError(ContainSubstring("never end")))
		Expect(mine.TryLock(ctx, "other door", cryptomem.TTL(-1))).Error().To(MatchError(ContainSubstring("negative")))
		Expect(l.Extend(ctx, cryptomem.KeepTTL())).To(MatchError(ContainSubstring("KeepTTL")))
	})

	It("is never held by two clients at once", func() {
		var inside, most atomic.Int32
		ended := make(chan error, 8)
		for range cap(ended) {
			go func() {
				l, err := mine.Lock(ctx, key, cryptomem.TTL(time.Hour))
				if err == nil {
					most.Store(max(most.Load(), inside.Add(1)))
					inside.Add(-1)
					err = l.Unlock(ctx)
				}
				ended <- err
			}()
		}
		for range cap(ended) {
			var err error
			Eventually(func() chan error { w.clock.Add(50 * time.Millisecond); return ended }).Should(Receive(&err))
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(most.Load()).To(BeEquivalentTo(1))
	})
})
