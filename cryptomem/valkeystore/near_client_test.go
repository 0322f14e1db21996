package valkeystore_test

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
	"github.com/Zezezknight/cryptomem/sealing"
)

// nearHits is an observer that counts what was asked of servers, and what was not.
type nearHits struct{ near, asked atomic.Int64 }

func (o *nearHits) Begin(ctx context.Context, _ cryptomem.Command) (context.Context, func(cryptomem.Outcome)) {
	return ctx, func(outcome cryptomem.Outcome) {
		if outcome.Near {
			o.near.Add(1)
		} else {
			o.asked.Add(1)
		}
	}
}

// A watchedStore tells when a caller waits for a change of a name.
type watchedStore struct {
	*valkeystore.Store
	watched atomic.Bool
	once    sync.Once
	// Closed once the store was asked by who watches.
	waits chan struct{}
}

func (s *watchedStore) Watch(name []byte) (changed <-chan struct{}, stop func()) {
	defer s.watched.Store(true)
	return s.Store.Watch(name)
}

func (s *watchedStore) Do(ctx context.Context, r *cryptomem.Request) error {
	watched := s.watched.Load()
	err := s.Store.Do(ctx, r)
	s.asked(watched)
	return err
}

func (s *watchedStore) DoAll(ctx context.Context, rs []*cryptomem.Request) {
	watched := s.watched.Load()
	s.Store.DoAll(ctx, rs)
	s.asked(watched)
}

func (s *watchedStore) asked(watched bool) {
	if watched {
		s.once.Do(func() { close(s.waits) })
	}
}

var _ = Describe("A client with a near cache", func() {
	var (
		server *valkeytest.Server
		clk    *clock.Mock
		hits   *nearHits
		ctx    = context.Background()
	)
	newStore := func() *valkeystore.Store {
		return open("valkey://"+server.Addr, valkeystore.WithNearCache(budget), valkeystore.WithClock(clk))
	}
	newClientOn := func(store cryptomem.Store, opts ...cryptomem.Option) *cryptomem.Client {
		GinkgoHelper()
		c, err := cryptomem.NewClient(store, append([]cryptomem.Option{
			cryptomem.WithSecret([]byte("a secret that only specs may have"[:32])),
			cryptomem.WithClock(clk), cryptomem.WithObserver(hits),
		}, opts...)...)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		return c
	}
	newClient := func(opts ...cryptomem.Option) *cryptomem.Client { return newClientOn(newStore(), opts...) }
	// newWaiter is a client on a store that tells when it waits.
	newWaiter := func() (c *cryptomem.Client, waits chan struct{}) {
		store := &watchedStore{Store: newStore(), waits: make(chan struct{})}
		return newClientOn(store), store.waits
	}
	BeforeEach(func() {
		server = startServer()
		clk = clock.NewMock()
		clk.Set(time.Unix(1.9e9, 0))
		hits = new(nearHits)
	})
	// warm reads until a read asks no server.
	warm := func(c *cryptomem.Client, key string) {
		GinkgoHelper()
		Eventually(func() int64 {
			before := hits.near.Load()
			_, _ = c.Get(ctx, key)
			return hits.near.Load() - before
		}).WithTimeout(testTimeout).Should(BeEquivalentTo(1))
	}

	It("opens and checks near copies like any value, and marks them for the observer", func() {
		c := newClient()
		Expect(c.Set(ctx, "name", []byte("value"))).To(Succeed())
		warm(c, "name")
		asked := hits.asked.Load()
		Expect(c.Get(ctx, "name")).To(BeEquivalentTo("value"))
		for _, r := range c.GetMany(ctx, []string{"name", "name"}) {
			Expect(r.Value, r.Err).To(BeEquivalentTo("value"))
		}
		access := &cryptomem.Access{Command: cryptomem.CommandGet, Key: []byte("name")}
		c.AccessAll(ctx, []*cryptomem.Access{access})
		Expect(access.Value, access.Err).To(BeEquivalentTo("value"))
		Expect(c.GetOrLoad(ctx, "name", func(context.Context) ([]byte, error) { panic("it is there") })).To(BeEquivalentTo("value"))
		Expect(hits.asked.Load()).To(Equal(asked))
	})

	It("serves no near copy past its sealed expiry", func() {
		c := newClient()
		Expect(c.Set(ctx, "name", []byte("value"), cryptomem.TTL(2*time.Second))).To(Succeed())
		warm(c, "name")
		clk.Add(2*time.Second + sealing.DefaultSkew)
		Expect(c.Get(ctx, "name")).Error().To(MatchError(cryptomem.ErrNotFound))
	})

	It("does not use a near copy that it knows to be replaced, and asks the server", func() {
		c := newClient()
		Expect(c.Set(ctx, "name", []byte("old"))).To(Succeed())
		key := server.Text("RANDOMKEY")
		old, err := server.Must("GET", key).AsBytes()
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Set(ctx, "name", []byte("new"))).To(Succeed())
		Expect(c.Get(ctx, "name")).To(BeEquivalentTo("new"))
		current, err := server.Must("GET", key).AsBytes()
		Expect(err).NotTo(HaveOccurred())

		server.Must("SET", key, string(old)) // a server that takes something back
		Eventually(func() error { _, err := c.Get(ctx, "name"); return err }).Should(MatchError(cryptomem.ErrStale))
		server.Must("SET", key, string(current))
		Eventually(func() (string, error) { v, err := c.Get(ctx, "name"); return string(v), err }).Should(Equal("new"))
	})

	It("asks the server again if a near copy is sealed with a key that it no longer has", func() {
		c := newClient()
		Expect(c.Set(ctx, "name", []byte("value"))).To(Succeed())
		warm(c, "name")
		other, err := sealing.KeyringFromSecret([]byte("another secret for specs, as long"[:32]))
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Rekey(other)).To(Succeed())
		asked := hits.asked.Load()
		Expect(c.Get(ctx, "name")).Error().To(MatchError(cryptomem.ErrNotAuthentic))
		Expect(hits.asked.Load()).To(Equal(asked + 1))
	})

	It("wakes callers that wait for another process's load as soon as the value is stored", func() {
		loader := newClient()
		waiter, waits := newWaiter()
		loading := make(chan struct{})
		held, finish := context.WithCancel(ctx)
		DeferCleanup(finish)
		loaded := make(chan error, 1)
		go func() {
			_, err := loader.GetOrLoad(ctx, "name", func(context.Context) ([]byte, error) {
				close(loading)
				<-held.Done()
				return []byte("value"), nil
			})
			loaded <- err
		}()
		Eventually(loading).Should(BeClosed())
		waited := make(chan string, 1)
		go func() {
			value, err := waiter.GetOrLoad(ctx, "name", func(context.Context) ([]byte, error) { return []byte("loaded twice"), nil })
			if err != nil {
				value = []byte(err.Error())
			}
			waited <- string(value)
		}()
		Eventually(waits).WithTimeout(testTimeout).Should(BeClosed())
		Expect(waited).NotTo(Receive())
		finish()
		Eventually(waited).WithTimeout(testTimeout).Should(Receive(Equal("value")))
		Eventually(loaded).Should(Receive(BeNil()))
	})

	It("wakes a caller that waits for a load that failed, which then loads itself", func() {
		loader := newClient()
		waiter, waits := newWaiter()
		loading := make(chan struct{})
		held, finish := context.WithCancel(ctx)
		DeferCleanup(finish)
		go func() {
			_, _ = loader.GetOrLoad(ctx, "name", func(context.Context) ([]byte, error) {
				close(loading)
				<-held.Done()
				return nil, context.Canceled
			})
		}()
		Eventually(loading).Should(BeClosed())
		waited := make(chan string, 1)
		go func() {
			value, _ := waiter.GetOrLoad(ctx, "name", func(context.Context) ([]byte, error) { return []byte("loaded twice"), nil })
			waited <- string(value)
		}()
		Eventually(waits).WithTimeout(testTimeout).Should(BeClosed())
		Expect(waited).NotTo(Receive())
		finish()
		Eventually(waited).WithTimeout(testTimeout).Should(Receive(Equal("loaded twice")))
	})
})
