package cache_test

import (
	"math"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"
)

var _ = Describe("An item that one caller has found expired is gone for one that read the clock earlier:", func() {
	var (
		c       *cache.Cache
		clk     *clock.Mock
		earlier int64
		version uint64
	)
	get := func() []byte {
		v, _, _ := c.GetAppend(c.Now(), nil, key)
		return v
	}
	BeforeEach(func() {
		c, clk = newCache()
		earlier = c.Now()
		var err error
		version, err = c.Set(earlier, key, value, time.Second)
		Expect(err).NotTo(HaveOccurred())
		clk.Add(time.Second)
		Expect(get()).To(BeNil())
	})
	DescribeTable("", func(find func() (bool, error)) {
		found, err := find()
		Expect(err).To(Or(BeNil(), MatchError(cache.ErrNotFound)))
		Expect(found).To(BeFalse())
		Expect(get()).To(BeNil())
	},
		Entry("GetAppend", func() (bool, error) { _, _, ok := c.GetAppend(earlier, nil, key); return ok, nil }),
		Entry("GetRef", func() (bool, error) { _, _, _, ok := c.GetRef(earlier, nil, key); return ok, nil }),
		Entry("GetDelete", func() (bool, error) { _, ok := c.GetDelete(earlier, nil, key); return ok, nil }),
		Entry("Delete", func() (bool, error) { return c.Delete(earlier, key), nil }),
		Entry("Touch", func() (bool, error) { _, err := c.Touch(earlier, key, time.Hour); return err == nil, err }),
		Entry("Replace", func() (bool, error) { _, err := c.Replace(earlier, key, other, time.Hour); return err == nil, err }),
		Entry("CompareAndSwap", func() (bool, error) {
			_, err := c.CompareAndSwap(earlier, key, other, time.Hour, version)
			return err == nil, err
		}),
		Entry("Flush", func() (bool, error) { return c.Flush(earlier, nil) > 0, nil }),
		Entry("Scan", func() (found bool, err error) {
			c.Scan(earlier, 0, math.MaxInt, func(cache.Item) { found = true })
			return found, nil
		}),
		Entry("ScanKeys", func() (found bool, err error) {
			c.ScanKeys(earlier, 0, nil, math.MaxInt, func([]byte) { found = true })
			return found, nil
		}),
	)

	It("Add stores, for the time to live from then on", func() {
		Expect(c.Add(earlier, key, other, time.Millisecond)).Error().NotTo(HaveOccurred())
		clk.Add(time.Millisecond - 1)
		Expect(get()).To(Equal(other))
		clk.Add(1)
		Expect(get()).To(BeNil())
	})
})
