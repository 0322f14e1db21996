package gocachestore_test

import (
	"context"
	"log/slog"
	"time"

	"github.com/eko/gocache/lib/v4/cache"
	"github.com/eko/gocache/lib/v4/marshaler"
	"github.com/eko/gocache/lib/v4/store"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/gocachestore"
)

var _ store.StoreInterface = (*gocachestore.Store)(nil)

var _ = Describe("Store", func() {
	var (
		server *cryptomemtest.Server
		values *gocachestore.Store
		ctx    = context.Background()
		quiet  = adapter.WithLogger(slog.New(slog.DiscardHandler))
	)

	newStore := func(opts ...cryptomem.Option) *gocachestore.Store {
		opts = append([]cryptomem.Option{cryptomem.WithNamespace("gocache")}, opts...)
		return gocachestore.New(server.Client(opts...), quiet, adapter.WithClock(server.Clock), adapter.WithTTL(time.Hour))
	}
	missing := func(s *gocachestore.Store, key string) {
		GinkgoHelper()
		value, err := s.Get(ctx, key)
		Expect(err).To(MatchError(store.NotFound{}), "which gocache looks for")
		Expect(err).To(MatchError(cryptomem.ErrNotFound))
		Expect(value).To(BeNil())
	}

	BeforeEach(func() {
		server = cryptomemtest.NewServer(GinkgoTB())
		values = newStore()
	})

	It("returns bytes as bytes and strings as strings", func() {
		for _, value := range []any{[]byte("bytes"), []byte{}, "text", ""} {
			Expect(values.Set(ctx, "key", value)).To(Succeed())
			Expect(values.Get(ctx, "key")).To(Equal(value))
		}
		Expect(values.GetType()).To(Equal("cryptomem"))
	})

	It("refuses keys and values of other types", func() {
		Expect(values.Set(ctx, "key", 1)).To(MatchError(ContainSubstring("value is a int")))
		Expect(values.Set(ctx, 1, "value")).To(MatchError(ContainSubstring("key is a int")))
		_, err := values.Get(ctx, 1)
		Expect(err).To(MatchError(ContainSubstring("key is a int")))
	})

	It("finds nothing if the value is missing, deleted or expired", func() {
		missing(values, "key")
		Expect(values.Set(ctx, "key", "value", store.WithExpiration(time.Minute))).To(Succeed())
		server.Advance(time.Minute - time.Second)
		value, left, err := values.GetWithTTL(ctx, "key")
		Expect(err).NotTo(HaveOccurred())
		Expect(value).To(Equal("value"))
		Expect(left).To(Equal(time.Second))
		server.Advance(time.Second)
		missing(values, "key")
		Expect(values.Set(ctx, "key", "value")).To(Succeed())
		Expect(values.Delete(ctx, "key")).To(Succeed())
		missing(values, "key")
		Expect(values.Delete(ctx, "key")).To(Succeed())
		_, _, err = values.GetWithTTL(ctx, "key")
		Expect(err).To(MatchError(store.NotFound{}))
	})

	It("keeps a value for the store's TTL, or for good", func() {
		Expect(values.Set(ctx, "key", "value")).To(Succeed())
		_, left, err := values.GetWithTTL(ctx, "key")
		Expect(err).NotTo(HaveOccurred())
		Expect(left).To(Equal(time.Hour))

		forever := gocachestore.New(server.Client(), adapter.WithTTL(0))
		Expect(forever.Set(ctx, "key", "value")).To(Succeed())
		_, left, err = forever.GetWithTTL(ctx, "key")
		Expect(err).NotTo(HaveOccurred())
		Expect(left).To(BeZero())
	})

	It("clears its namespace, and nothing else", func() {
		other := gocachestore.New(server.Client(cryptomem.WithNamespace("other")))
		Expect(other.Set(ctx, "key", "value")).To(Succeed())
		Expect(values.Set(ctx, "key", "value")).To(Succeed())
		Expect(values.Clear(ctx)).To(Succeed())
		missing(values, "key")
		Expect(other.Get(ctx, "key")).To(Equal("value"))
	})

	It("returns no value that could not be replaced", func() {
		small := newStore(cryptomem.WithMaxValueSize(1000))
		Expect(small.Set(ctx, "key", "old")).To(Succeed())
		Expect(small.Set(ctx, "key", make([]byte, 1001))).To(MatchError(cryptomem.ErrTooLarge))
		missing(small, "key")
	})

	It("does not find a value whose key is gone, and counts it", func() {
		Expect(values.Set(ctx, "key", "old", store.WithTags([]string{"a"}))).To(Succeed())
		other := newStore(cryptomem.WithSecret([]byte("another secret, of 32 bytes too!")))
		missing(other, "key")
		Expect(other.Unopened()).To(BeEquivalentTo(1))
		Expect(other.Set(ctx, "key", "new", store.WithTags([]string{"a"}))).To(Succeed())
		Expect(other.Get(ctx, "key")).To(Equal("new"))
	})

	It("does not find a value of another layout", func() {
		client := server.Client()
		other := gocachestore.New(client, quiet)
		for _, stored := range []string{"", "another layout", "\x00", "\x00\x01", "\x00\x01\x05ab"} {
			Expect(adapter.New(client).Set(ctx, "vkey", []byte(stored), 0)).To(Succeed())
			missing(other, "key")
		}
	})

	Describe("tags", func() {
		invalidate := func(s *gocachestore.Store, tags ...string) error {
			return s.Invalidate(ctx, store.WithInvalidateTags(tags))
		}

		BeforeEach(func() {
			Expect(values.Set(ctx, "one", "1", store.WithTags([]string{"odd", "all"}))).To(Succeed())
			Expect(values.Set(ctx, "two", "2", store.WithTags([]string{"even", "all"}))).To(Succeed())
			Expect(values.Set(ctx, "none", "3")).To(Succeed())
		})

		It("invalidate the values that have one of them, for all processes", func() {
			Expect(invalidate(newStore(), "odd")).To(Succeed())
			missing(values, "one")
			Expect(values.Get(ctx, "two")).To(Equal("2"))
			Expect(invalidate(newStore(), "all", "unknown")).To(Succeed())
			missing(values, "two")
			Expect(values.Get(ctx, "none")).To(Equal("3"))
		})

		It("count for values that are set afterwards", func() {
			Expect(invalidate(values, "odd")).To(Succeed())
			Expect(values.Set(ctx, "one", "1 again", store.WithTags([]string{"odd"}))).To(Succeed())
			Expect(values.Get(ctx, "one")).To(Equal("1 again"))
			Expect(invalidate(values, "odd")).To(Succeed())
			missing(values, "one")
		})

		It("end after a time, and their values with them", func() {
			Expect(values.Set(ctx, "short", "1", store.WithTags([]string{"short"}), store.WithTagsTTL(time.Minute))).To(Succeed())
			server.Advance(time.Minute)
			missing(values, "short")
		})

		It("are not taken for keys", func() {
			Expect(values.Delete(ctx, "odd")).To(Succeed())
			Expect(values.Get(ctx, "one")).To(Equal("1"))
		})

		It("invalidate within the process though the store is away", func() {
			server.Down()
			Expect(invalidate(values, "odd")).NotTo(Succeed())
			Expect(values.Set(ctx, "two", "new", store.WithTags([]string{"all"}))).NotTo(Succeed())
			server.Up()
			missing(values, "one")
			missing(values, "two")
		})
	})

	It("works below gocache's own layers", func() {
		type book struct{ Title string }
		loads := 0
		loadable := cache.NewLoadable[any](func(context.Context, any) (any, []store.Option, error) {
			loads++
			return "loaded", nil, nil
		}, cache.New[any](values))
		Expect(loadable.Get(ctx, "key")).To(Equal("loaded"))
		Expect(loadable.Close()).To(Succeed()) // it stores in the background
		Expect(values.Get(ctx, "key")).To(Equal("loaded"))
		Expect(loads).To(Equal(1))

		books := marshaler.New(cache.New[any](values))
		Expect(books.Set(ctx, struct{ ID int }{1}, book{"Emma"})).To(Succeed())
		Expect(books.Get(ctx, struct{ ID int }{1}, new(book))).To(Equal(&book{"Emma"}))

		upper := gocachestore.New(server.Client(cryptomem.WithNamespace("upper")), adapter.WithClock(server.Clock))
		chain := cache.NewChain[any](cache.New[any](upper), cache.New[any](values))
		Expect(chain.Get(ctx, "key")).To(Equal("loaded"))
	})
})
