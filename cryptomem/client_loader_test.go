package cryptomem_test

import (
	"context"
	"math"
	"runtime"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

var _ = Describe("A loader", func() {
	var (
		w    *world
		c    *cryptomem.Client
		seen *recorder
		ctx  = context.Background()
		key  = "key"
	)

	BeforeEach(func() {
		w, seen = newWorld(server.Config{}), new(recorder)
		c = w.client(cryptomem.WithObserver(seen))
	})

	never := func(context.Context) ([]byte, error) { panic("is not to be called") }

	It("that ends its goroutine fails its callers, and no later ones", func() {
		_, err := c.GetOrLoad(ctx, key, func(context.Context) ([]byte, error) { runtime.Goexit(); return nil, nil })
		Expect(err).To(MatchError("loader ended its goroutine (runtime.Goexit)"))
		Eventually(func() chan []byte {
			got := make(chan []byte, 1)
			v, _ := c.GetOrLoad(ctx, key, func(context.Context) ([]byte, error) { return []byte("v"), nil })
			got <- v
			return got
		}).Should(Receive(Equal([]byte("v"))))
	})

	It("can set the TTL of its value", func() {
		load := func(ctx context.Context) ([]byte, error) {
			cryptomem.KeepFor(ctx, time.Second)
			return []byte("v"), nil
		}
		Expect(c.GetOrLoad(ctx, key, load, cryptomem.TTL(time.Hour))).To(Equal([]byte("v")))
		w.clock.Add(time.Second - 1)
		Expect(c.Get(ctx, key)).To(Equal([]byte("v")))
		w.clock.Add(1)
		Expect(c.Get(ctx, key)).Error().To(MatchError(cryptomem.ErrNotFound))
		cryptomem.KeepFor(ctx, time.Second) // outside of a loader
	})

	It("is called at once in an outage, whatever a load in the background still waits for", func() {
		store, err := cryptomem.NewServerStore("pipe", cryptomem.WithDialer(w.dial), cryptomem.WithClock(w.clock))
		Expect(err).NotTo(HaveOccurred())
		stuck := &stuckStore{Store: store, until: make(chan struct{})}
		c, err := cryptomem.NewClient(stuck, cryptomem.WithSecret([]byte(secret)), cryptomem.WithClock(w.clock), cryptomem.WithFallbackTimeout(time.Hour))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		load := func(v string) cryptomem.Loader {
			return func(context.Context) ([]byte, error) { return []byte(v), nil }
		}
		opts := []cryptomem.LoadOption{cryptomem.TTL(time.Minute), cryptomem.Stale(time.Hour)}
		Expect(c.GetOrLoad(ctx, key, load("old"), opts...)).To(BeEquivalentTo("old"))
		w.clock.Add(2 * time.Minute)
		stuck.batches.Store(true)
		Expect(c.GetOrLoad(ctx, key, load("never"), opts...)).To(BeEquivalentTo("old"))
		stuck.reads.Store(true)
		loaded := make(chan []byte, 1)
		go func() {
			v, _ := c.GetOrLoad(ctx, key, load("new"), opts...)
			loaded <- v
		}()
		defer close(stuck.until)
		Eventually(loaded).Should(Receive(BeEquivalentTo("new")))
	})

	Describe("that finds nothing", func() {
		var loads atomic.Int32

		nothing := func(context.Context) ([]byte, error) {
			loads.Add(1)
			return nil, cryptomem.NotFoundFor(5 * time.Second)
		}

		BeforeEach(func() {
			loads.Store(0)
			Expect(c.GetOrLoad(ctx, key, nothing)).Error().To(MatchError(cryptomem.ErrNotFound))
		})

		It("is not asked again for the time that it says, in any process", func() {
			w.clock.Add(5*time.Second - 1)
			Expect(w.client().GetOrLoad(ctx, key, never)).Error().To(MatchError(cryptomem.ErrNotFound))
			Expect(c.Get(ctx, key)).Error().To(MatchError(cryptomem.ErrNotFound))
			w.clock.Add(1)
			Expect(c.GetOrLoad(ctx, key, nothing)).Error().To(MatchError(cryptomem.ErrNotFound))
			Expect(loads.Load()).To(BeEquivalentTo(2))
		})

		It("is asked again when the key has been set or invalidated", func() {
			Expect(c.Invalidate(ctx, key)).To(Succeed())
			Expect(c.GetOrLoad(ctx, key, nothing)).Error().To(MatchError(cryptomem.ErrNotFound))
			Expect(loads.Load()).To(BeEquivalentTo(2))
			Expect(c.Add(ctx, key, []byte("v"))).To(Succeed())
			Expect(c.GetOrLoad(ctx, key, never)).To(Equal([]byte("v")))
		})
	})

	It("stores a value that is kept for as long as can be said", func() {
		opts := []cryptomem.LoadOption{cryptomem.TTL(math.MaxInt64), cryptomem.Stale(time.Second)}
		Expect(c.GetOrLoad(ctx, key, func(context.Context) ([]byte, error) { return []byte("v"), nil }, opts...)).To(Equal([]byte("v")))
		Expect(c.GetOrLoad(ctx, key, never, opts...)).To(Equal([]byte("v")))
	})

	It("whose value cannot be stored tells the observer why", func() {
		Expect(c.GetOrLoad(ctx, key, func(context.Context) ([]byte, error) { return make([]byte, 2<<20), nil })).To(HaveLen(2 << 20))
		Expect(seen.errors()).To(ContainElement(MatchError(cryptomem.ErrTooLarge)))
		Expect(c.GetOrLoad(ctx, key, func(ctx context.Context) ([]byte, error) {
			cryptomem.KeepFor(ctx, -1)
			return []byte("v"), nil
		})).To(Equal([]byte("v")))
		Expect(seen.errors()).To(ContainElement(MatchError(ContainSubstring("must not be negative"))))
	})

	It("runs at once when the store does not answer, and its value is returned", func() {
		held := newHeldDialer(w.dial)
		cut := w.client(cryptomem.WithDialer(held.dial), cryptomem.WithFallbackTimeout(time.Second))
		held.after(0)
		got := make(chan []byte, 1)
		began := w.clock.Now()
		go func() {
			v, _ := cut.GetOrLoad(ctx, key, func(context.Context) ([]byte, error) { return []byte("v"), nil })
			got <- v
		}()
		Eventually(func() chan []byte { w.clock.Add(100 * time.Millisecond); return got }).Should(Receive(Equal([]byte("v"))))
		Expect(w.clock.Since(began)).To(BeNumerically(">=", time.Second))
		held.release()
	})

	It("returns its value to callers that cannot wait until it is stored", func() {
		held := newHeldDialer(w.dial)
		cut := w.client(cryptomem.WithDialer(held.dial))
		leaving, leave := context.WithCancel(ctx)
		defer leave()
		got := make(chan []byte, 1)
		go func() {
			v, _ := cut.GetOrLoad(leaving, key, func(context.Context) ([]byte, error) {
				held.after(0)
				return []byte("v"), nil
			})
			got <- v
		}()
		Eventually(held.holding).Should(BeTrue())
		leave()
		Eventually(got).Should(Receive(Equal([]byte("v"))))
		held.release()
		Eventually(func() ([]byte, error) { return c.Get(ctx, key) }).Should(Equal([]byte("v")))
	})
})

var _ = Describe("A value that the codec cannot read", func() {
	type user struct{ Name string }

	var (
		w     *world
		c     *cryptomem.Client
		seen  *recorder
		users *cryptomem.Typed[user]
		ctx   = context.Background()
	)

	BeforeEach(func() {
		w, seen = newWorld(server.Config{}), new(recorder)
		c = w.client(cryptomem.WithObserver(seen))
		users = cryptomem.JSON[user](c)
		Expect(c.Set(ctx, "u", []byte(`{"Name":17}`))).To(Succeed()) // of an earlier release
	})

	It("is loaded anew, for all, and the observer is told", func() {
		loads := 0
		load := func(context.Context) (user, error) { loads++; return user{"Ada"}, nil }
		for range 2 {
			Expect(users.GetOrLoad(ctx, "u", load)).To(Equal(user{"Ada"}))
		}
		Expect(loads).To(Equal(1))
		Expect(users.Get(ctx, "u")).To(Equal(user{"Ada"}))
		Expect(seen.errors()).To(ContainElement(MatchError(ContainSubstring("cannot be decoded"))))
	})

	It("counts as missing for Get, and is replaced by Add and Update", func() {
		_, err := users.Get(ctx, "u")
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
		Expect(err).To(MatchError(ContainSubstring("cannot be decoded")))
		Expect(seen.errors()).To(ContainElement(MatchError(ContainSubstring("cannot be decoded"))))
		Expect(users.Update(ctx, "u", func(u user, found bool) (user, error) {
			Expect(found).To(BeFalse())
			Expect(u).To(BeZero())
			return user{"Ada"}, nil
		})).To(Equal(user{"Ada"}))
		Expect(users.Get(ctx, "u")).To(Equal(user{"Ada"}))
		Expect(c.Set(ctx, "u", []byte("no JSON"))).To(Succeed())
		Expect(users.Add(ctx, "u", user{"Eve"})).To(Succeed())
		Expect(users.Add(ctx, "u", user{"Ada"})).To(MatchError(cryptomem.ErrExists))
		Expect(users.Get(ctx, "u")).To(Equal(user{"Eve"}))
	})

	It("is replaced even when its key is gone", func() {
		stranger := w.client(cryptomem.WithSecret([]byte("another-32-byte-very-secret-key!")))
		Expect(stranger.Set(ctx, "u", []byte("theirs"))).To(Succeed())
		Expect(c.GetOrLoad(ctx, "u", func(context.Context) ([]byte, error) { return []byte("mine"), nil })).To(Equal([]byte("mine")))
		Expect(c.Get(ctx, "u")).To(Equal([]byte("mine")))
	})
})

// A stuckStore keeps batches waiting, and answers no single request.
type stuckStore struct {
	cryptomem.Store
	batches, reads atomic.Bool
	until          chan struct{}
}

func (s *stuckStore) DoAll(ctx context.Context, rs []*cryptomem.Request) {
	if s.batches.Load() {
		<-s.until
	}
	s.Store.DoAll(ctx, rs)
}

func (s *stuckStore) Do(ctx context.Context, r *cryptomem.Request) error {
	if s.reads.Load() {
		r.Err = cryptomem.ErrUnavailable
		return r.Err
	}
	return s.Store.Do(ctx, r)
}
