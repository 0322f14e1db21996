package cryptomem_test

import (
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
	)

	BeforeEach(func() {
		w = newWorld(server.Config{})
		mine, hers = w.client(), w.client()
	})

	take := func(c *cryptomem.Client) *cryptomem.Lock {
		GinkgoHelper()
		l, err := c.TryLock(ctx, key, time.Minute)
		Expect(err).NotTo(HaveOccurred())
		return l
	}

	locked := func(c *cryptomem.Client) {
		GinkgoHelper()
		_, err := c.TryLock(ctx, key, time.Minute)
		Expect(err).To(MatchError(cryptomem.ErrLocked))
	}

	It("is held by one at a time, also within one client", func() {
		l := take(mine)
		locked(hers)
		locked(mine)
		Expect(l.Unlock(ctx)).To(Succeed())
		take(hers)
		locked(mine)
	})

	It("is free when its time is over, and then no longer held", func() {
		l := take(mine)
		Expect(l.Expires()).To(Equal(w.clock.Now().Add(time.Minute)))
		w.clock.Add(time.Minute)
		other := take(hers)
		Expect(l.Unlock(ctx)).To(MatchError(cryptomem.ErrNotHeld))
		Expect(l.Extend(ctx, time.Minute)).To(MatchError(cryptomem.ErrNotHeld))
		locked(mine)
		Expect(other.Unlock(ctx)).To(Succeed())
		Expect(other.Unlock(ctx)).To(MatchError(cryptomem.ErrNotHeld))
	})

	It("is held for longer when it is extended", func() {
		l := take(mine)
		w.clock.Add(50 * time.Second)
		Expect(l.Extend(ctx, time.Minute)).To(Succeed())
		w.clock.Add(50 * time.Second)
		locked(hers)
		Expect(l.Unlock(ctx)).To(Succeed())
	})

	It("has a fence that grows from holder to holder", func() {
		last := uint64(0)
		for range 3 {
			for _, c := range []*cryptomem.Client{mine, hers} {
				l := take(c)
				Expect(l.Fence()).To(BeNumerically(">", last))
				last = l.Fence()
				Expect(l.Extend(ctx, time.Hour)).To(Succeed())
				Expect(l.Fence()).To(BeNumerically(">", last))
				last = l.Fence()
				Expect(l.Unlock(ctx)).To(Succeed())
			}
		}
	})

	It("is waited for until it is free, or the context ends", func() {
		l := take(mine)
		got := make(chan *cryptomem.Lock, 1)
		go func() {
			defer GinkgoRecover()
			l, err := hers.Lock(ctx, key, time.Minute)
			Expect(err).NotTo(HaveOccurred())
			got <- l
		}()
		Expect(l.Unlock(ctx)).To(Succeed())
		Eventually(func() chan *cryptomem.Lock { w.clock.Add(10 * time.Millisecond); return got }).Should(Receive())

		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, err := mine.Lock(ended, key, time.Minute)
		Expect(err).To(MatchError(context.Canceled))
	})

	It("has to end some time", func() {
		_, err := mine.TryLock(ctx, key, 0)
		Expect(err).To(MatchError(ContainSubstring("must be positive")))
	})

	It("keeps two out of the same room, whoever comes", func() {
		var inside, most atomic.Int32
		ended := make(chan error, 8)
		for range cap(ended) {
			go func() {
				l, err := mine.Lock(ctx, key, time.Hour)
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
