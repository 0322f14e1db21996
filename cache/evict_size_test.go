package cache_test

import (
	"fmt"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"
)

var _ = Describe("eviction among items of mixed sizes", func() {
	// survivors stores small items, then large ones until the store has been
	// filled several times, and returns how many small items are left.
	survivors := func(small, large int) (left int) {
		c, err := cache.New(clock.NewMock(), cache.WithMaxMemory(16<<20), cache.WithShards(1),
			cache.WithEviction(cache.EvictLeastUsed), cache.WithHashKey([16]byte{1}))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		const items = 2_000
		key := func(kind string, i int) []byte { return fmt.Append(nil, kind, i) }
		for i := range items {
			Expect(c.Set(1, key("small", i), make([]byte, small), 0)).Error().NotTo(HaveOccurred())
		}
		for i := range 64 << 20 / large {
			Expect(c.Set(1, key("large", i), make([]byte, large), 0)).Error().NotTo(HaveOccurred())
		}
		Expect(c.Check()).To(Succeed())
		for i := range items {
			if _, _, found := c.GetAppend(1, nil, key("small", i)); found {
				left++
			}
		}
		return left
	}

	It("keeps most small items through a flood of large ones that are never read", func() {
		Expect(survivors(100, 16<<10)).To(BeNumerically(">", 1_000))
	})

	It("keeps none of them for their size when all are of one size", func() {
		Expect(survivors(1_000, 1_000)).To(BeZero())
	})

	It("keeps none of them for it when sizes differ little", func() {
		Expect(survivors(600, 1_000)).To(BeZero())
	})
})
