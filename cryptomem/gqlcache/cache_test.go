package gqlcache_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
	"github.com/Zezezknight/cryptomem/cryptomem/cryptomemtest"
	"github.com/Zezezknight/cryptomem/cryptomem/gqlcache"
)

const query = "{ me { name } }"

func hash(query string) string {
	sum := sha256.Sum256([]byte(query))
	return hex.EncodeToString(sum[:])
}

var _ = Describe("Cache", func() {
	var (
		server *cryptomemtest.Server
		ctx    = context.Background()
		quiet  = adapter.WithLogger(slog.New(slog.DiscardHandler))
	)

	BeforeEach(func() { server = cryptomemtest.NewServer(GinkgoTB()) })

	It("knows in one process what a client sent to another, until its time is over", func() {
		one := gqlcache.New(server.Client(), adapter.WithTTL(time.Hour))
		other := gqlcache.New(server.Client())
		one.Add(ctx, hash(query), query)
		known, ok := other.Get(ctx, hash(query))
		Expect(ok).To(BeTrue())
		Expect(known).To(Equal(query))
		server.Advance(time.Hour)
		_, ok = other.Get(ctx, hash(query))
		Expect(ok).To(BeFalse())
	})

	It("keeps a query though its client has gone", func() {
		cache := gqlcache.New(server.Client())
		gone, cancel := context.WithCancel(ctx)
		cancel()
		cache.Add(gone, hash(query), query)
		_, ok := cache.Get(ctx, hash(query))
		Expect(ok).To(BeTrue())
	})

	It("returns no query under another one's hash", func() {
		cache := gqlcache.New(server.Client())
		cache.Add(ctx, hash(query), "mutation { deleteEverything }")
		_, ok := cache.Get(ctx, hash(query))
		Expect(ok).To(BeFalse())
	})

	It("asks for a query again whose key is gone, and counts it", func() {
		gqlcache.New(server.Client()).Add(ctx, hash(query), query)
		cache := gqlcache.New(server.Client(cryptomem.WithSecret([]byte("another secret, of 32 bytes too!"))), quiet)
		_, ok := cache.Get(ctx, hash(query))
		Expect(ok).To(BeFalse())
		Expect(cache.Unopened()).To(BeEquivalentTo(1))
	})

	It("asks again while the store is unavailable, and reports that to the error handler", func() {
		var failures []error
		cache := gqlcache.New(server.Client(), quiet, adapter.WithErrorHandler(func(err error) { failures = append(failures, err) }))
		server.Down()
		cache.Add(ctx, hash(query), query)
		_, ok := cache.Get(ctx, hash(query))
		Expect(ok).To(BeFalse())
		Expect(failures).To(HaveLen(2))
	})
})
