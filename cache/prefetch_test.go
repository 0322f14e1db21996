package cache_test

import (
	"fmt"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"
)

var _ = Describe("Keys given to Prefetch", func() {
	keysOf := func(n int) (keys [][]byte) {
		for i := range n {
			keys = append(keys, fmt.Append(nil, "key", i))
		}
		return keys
	}

	It("change nothing, whether or not there are items, and however many are given", func() {
		c, err := cache.New(clock.NewMock(), cache.WithMaxMemory(16<<20))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		c.Prefetch(keysOf(100))
		for i, key := range keysOf(10_000) {
			Expect(c.Set(1, key, make([]byte, i%1000), time.Duration(i%3)*time.Hour)).Error().NotTo(HaveOccurred())
		}
		Expect(c.Set(1, []byte("large"), make([]byte, 1<<20), 0)).Error().NotTo(HaveOccurred())
		before := c.Stats()
		c.Prefetch(nil)
		c.Prefetch([][]byte{{}, nil, []byte("large"), []byte("absent"), make([]byte, cache.MaxKeySize)})
		keys := keysOf(20_000)
		for len(keys) > 0 {
			n := min(len(keys), cache.MaxPrefetch+1)
			c.Prefetch(keys[:n])
			keys = keys[n:]
		}
		Expect(c.Stats()).To(Equal(before))
		Expect(c.Check()).To(Succeed())
	})

	It("may be given while items come and go", func() {
		c, err := cache.New(clock.NewMock(), cache.WithMaxMemory(4<<20))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(c.Close)
		keys := keysOf(30_000)
		var wg sync.WaitGroup
		wg.Go(func() {
			defer GinkgoRecover()
			for _, key := range keys {
				Expect(c.Set(1, key, make([]byte, 100), time.Hour)).Error().NotTo(HaveOccurred())
			}
			c.Flush(1, nil)
		})
		wg.Go(func() {
			for i := 0; i+cache.MaxPrefetch < len(keys); i += cache.MaxPrefetch {
				c.Prefetch(keys[i : i+cache.MaxPrefetch])
			}
		})
		wg.Wait()
		Expect(c.Check()).To(Succeed())
	})
})
