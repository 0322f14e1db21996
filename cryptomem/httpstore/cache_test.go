package httpstore_test

import (
	"log/slog"
	"time"

	"github.com/gregjones/httpcache"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/httpstore"
)

var _ httpcache.Cache = (*httpstore.Cache)(nil)

var _ = Describe("Cache", func() {
	var server *cryptomemtest.Server

	BeforeEach(func() { server = cryptomemtest.NewServer(GinkgoTB()) })

	It("keeps answers until they are deleted or their time is over", func() {
		cache := httpstore.New(server.Client(), adapter.WithTTL(time.Hour))
		cache.Set("url", []byte("answer"))
		answer, ok := cache.Get("url")
		Expect(ok).To(BeTrue())
		Expect(answer).To(Equal([]byte("answer")))
		cache.Delete("url")
		_, ok = cache.Get("url")
		Expect(ok).To(BeFalse())

		cache.Set("url", []byte("answer"))
		server.Advance(time.Hour)
		_, ok = cache.Get("url")
		Expect(ok).To(BeFalse())
	})

	It("treats a store that is away as a miss, and tells who wants to know", func() {
		var failures []error
		cache := httpstore.New(server.Client(), adapter.WithLogger(slog.New(slog.DiscardHandler)),
			adapter.WithErrorHandler(func(err error) { failures = append(failures, err) }))
		cache.Delete("not there")
		Expect(failures).To(BeEmpty())
		server.Down()
		cache.Set("url", []byte("answer"))
		_, ok := cache.Get("url")
		Expect(ok).To(BeFalse())
		cache.Delete("url")
		Expect(failures).To(HaveLen(3))
	})

	It("serves no answer that it was told to replace by one too large", func() {
		cache := httpstore.New(server.Client(cryptomem.WithMaxValueSize(1000)), adapter.WithLogger(slog.New(slog.DiscardHandler)))
		cache.Set("url", []byte("old"))
		cache.Set("url", make([]byte, 1001))
		_, ok := cache.Get("url")
		Expect(ok).To(BeFalse())
		Expect(server.Items()).To(BeZero())
	})

	It("serves no answer that was to be replaced or deleted while the store was away", func() {
		cache := httpstore.New(server.Client(), adapter.WithLogger(slog.New(slog.DiscardHandler)))
		cache.Set("replaced", []byte("old"))
		cache.Set("deleted", []byte("old"))
		server.Down()
		cache.Set("replaced", []byte("new"))
		cache.Delete("deleted")
		server.Up()
		for _, url := range []string{"replaced", "deleted"} {
			_, ok := cache.Get(url)
			Expect(ok).To(BeFalse(), url)
			cache.Set(url, []byte("newer"))
			answer, _ := cache.Get(url)
			Expect(answer).To(Equal([]byte("newer")), url)
		}
	})

	It("misses an answer whose key is gone, and counts it", func() {
		httpstore.New(server.Client()).Set("url", []byte("answer"))
		cache := httpstore.New(server.Client(cryptomem.WithSecret([]byte("another secret, of 32 bytes too!"))),
			adapter.WithLogger(slog.New(slog.DiscardHandler)))
		_, ok := cache.Get("url")
		Expect(ok).To(BeFalse())
		Expect(cache.Unopened()).To(BeEquivalentTo(1))
	})

	It("keeps the private answers of one user from another", func() {
		client := server.Client()
		ada, bob := httpstore.New(client, adapter.WithPrefix("ada")), httpstore.New(client, adapter.WithPrefix("bob"))
		ada.Set("/account", []byte("Ada's"))
		_, ok := bob.Get("/account")
		Expect(ok).To(BeFalse())
		answer, _ := ada.Get("/account")
		Expect(answer).To(Equal([]byte("Ada's")))
	})
})
