package cache_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"
)

// numbered returns the key of item i, 12 bytes.
func numbered(i int) []byte { return binary.BigEndian.AppendUint64([]byte("item"), uint64(i)) }

var _ = Describe("The store's memory", func() {
	const items = 20_000

	load := func(c *cache.Cache, n, size int, ttl time.Duration) {
		GinkgoHelper()
		v := make([]byte, size)
		for i := range n {
			if _, err := c.Set(c.Now(), numbered(i), v, ttl); err != nil {
				Expect(err).NotTo(HaveOccurred())
			}
		}
	}

	It("is little more than the data", func() {
		c, _ := newCache(cache.WithShards(1))
		load(c, items, 64, time.Hour)
		st := c.Stats()
		Expect(st.Bytes).To(BeEquivalentTo(items * 76))
		Expect(st.Memory.Records).To(BeNumerically("<", items*85))
		Expect(st.Memory.Index).To(BeNumerically("<", items*10.5))
	})

	It("says the lengths of a key and a value once for a segment where they are all the same", func() {
		same, _ := newCache(cache.WithShards(1))
		mixed, _ := newCache(cache.WithShards(1))
		for i := range items {
			Expect(same.Set(1, numbered(i), make([]byte, 200), 0)).Error().NotTo(HaveOccurred())
			Expect(mixed.Set(1, numbered(i), make([]byte, 190+20*(i%2)), 0)).Error().NotTo(HaveOccurred())
		}
		Expect(same.Stats().Bytes).To(Equal(mixed.Stats().Bytes))
		// Half of the mixed records hold their lengths, which are three bytes. Memory is
		// counted in pages.
		Expect(mixed.Stats().Memory.Records - same.Stats().Memory.Records).To(BeNumerically("~", items*3/2, 4096))
		for i := range items {
			value, _, found := mixed.GetAppend(1, nil, numbered(i))
			Expect(found).To(BeTrue())
			Expect(value).To(HaveLen(190 + 20*(i%2)))
		}
		Expect(same.Check()).To(Succeed())
		Expect(mixed.Check()).To(Succeed())
	})

	It("comes back, index and all, when everything expires", func() {
		c, clk := newCache(cache.WithShards(1))
		empty := c.Stats().Memory.Total
		load(c, items, 64, time.Minute)
		clk.Add(time.Minute + time.Minute/8)
		c.Sweep(c.Now(), 0)
		Expect(c.Stats().Items).To(BeZero())
		Expect(c.Stats().Memory.Total).To(Equal(empty))
		load(c, items, 64, time.Minute)
		Expect(c.Stats().Items).To(BeEquivalentTo(items))
	})

	It("comes back, index and all, when everything is deleted", func() {
		c, _ := newCache(cache.WithShards(1))
		load(c, items, 64, 0)
		for i := range items {
			Expect(c.Delete(c.Now(), numbered(i))).To(BeTrue())
		}
		st := c.Stats()
		Expect(st.Items).To(BeZero())
		Expect(st.Memory.Total).To(BeNumerically("<=", 3*4096))
	})

	It("serves new deadlines in the place of old ones", func() {
		c, clk := newCache(cache.WithMaxMemory(16<<20), cache.WithEviction(cache.EvictNone))
		for range 20 { // 20 times what fits at once
			load(c, items, 200, time.Minute)
			clk.Add(time.Minute + time.Minute/8)
		}
		Expect(c.Stats().Refused).To(BeZero())
		Expect(c.Stats().Evicted).To(BeZero())
	})

	// overwrite overwrites 4,000 items and returns their memory as a multiple of their
	// data. The cache is far from its limit, so that only compaction bounds it.
	overwrite := func(rounds int, size func(r *rand.Rand) int, ttl time.Duration) (ratio float64) {
		GinkgoHelper()
		c, _ := newCache(cache.WithShards(1))
		r := rand.New(rand.NewPCG(7, 7))
		v := make([]byte, 4096)
		for range rounds * 4000 {
			if _, err := c.Set(c.Now(), numbered(r.IntN(4000)), v[:size(r)], ttl); err != nil {
				Expect(err).NotTo(HaveOccurred())
			}
		}
		st := c.Stats()
		return float64(st.Memory.Records) / float64(st.Bytes)
	}

	DescribeTable("stays close to what lives under overwrites of random sizes,", func(ttl time.Duration) {
		ratio := overwrite(12, func(r *rand.Rand) int { return 100 + r.IntN(2000) }, ttl)
		Expect(ratio).To(BeNumerically("<=", 1.3))
	},
		Entry("without ttl", time.Duration(0)),
		Entry("with one ttl", time.Hour),
	)

	DescribeTable("does not grow under overwrites of the same size,", func(ttl time.Duration) {
		once := overwrite(1, func(*rand.Rand) int { return 1000 }, ttl)
		many := overwrite(8, func(*rand.Rand) int { return 1000 }, ttl)
		Expect(many / once).To(BeNumerically("<=", 1.005))
		Expect(many).To(BeNumerically("<=", 1.03)) // headers, and the last page
	},
		Entry("without ttl", time.Duration(0)),
		Entry("with one ttl", time.Hour),
	)

	It("stays close to what lives while renewed items outlive their deadlines", func() {
		c, clk := newCache(cache.WithShards(1))
		for round := range 30 {
			for i := range 2000 {
				v := make([]byte, 500)
				v[0] = byte(round)
				_, err := c.Set(c.Now(), numbered(i), v, time.Minute)
				Expect(err).NotTo(HaveOccurred())
			}
			clk.Add(7 * time.Second)
			c.Sweep(c.Now(), 0)
		}
		st := c.Stats()
		Expect(st.Items).To(BeEquivalentTo(2000))
		Expect(float64(st.Memory.Records) / float64(st.Bytes)).To(BeNumerically("<=", 1.35))
	})

	It("keeps renewed items when it is full and nothing may be evicted", func() {
		c, clk := newCache(cache.WithMaxMemory(2<<20), cache.WithShards(1), cache.WithEviction(cache.EvictNone))
		v := make([]byte, 300)
		n := 0
		for {
			if _, err := c.Set(c.Now(), numbered(n), v, time.Minute); err != nil {
				Expect(err).To(MatchError(cache.ErrFull))
				break
			}
			n++
		}
		for range 12 { // renewed in place, then moved as each bucket ends
			clk.Add(10 * time.Second)
			c.Sweep(c.Now(), 0)
			for i := range n {
				_, err := c.Set(c.Now(), numbered(i), v, time.Minute)
				Expect(err).NotTo(HaveOccurred())
			}
		}
		Expect(c.Stats().Items).To(BeEquivalentTo(n))
		Expect(c.Stats().Expired).To(BeZero())
	})

	It("is laid out by the hash key", func() {
		order := func(key byte) (keys []string) {
			c, _ := newCache(cache.WithHashKey([16]byte{key}))
			load(c, 100, 10, 0)
			for next := c.Scan(c.Now(), 0, 1<<20, func(it cache.Item) { keys = append(keys, string(it.Key)) }); next != 0; {
				next = c.Scan(c.Now(), next, 1<<20, func(it cache.Item) { keys = append(keys, string(it.Key)) })
			}
			return keys
		}
		Expect(order(1)).To(Equal(order(1)))
		Expect(order(1)).To(ConsistOf(order(2)))
		Expect(order(1)).NotTo(Equal(order(2)))
	})

	// The worst case for segments of one deadline each: hardly two items share one.
	DescribeTable("holds live data, with deadlines from a second to a day, in most of", func(limit, items int, least float64) {
		c, _ := newCache(cache.WithMaxMemory(int64(limit)))
		now := c.Now()
		r := rand.New(rand.NewPCG(3, 3))
		v := make([]byte, 1000)
		worst := 1.0
		for i := range items {
			ttl := time.Duration(float64(time.Second) * math.Pow(86400, r.Float64()))
			if _, err := c.Set(now, numbered(i), v[:500+r.IntN(500)], ttl); err != nil {
				Expect(err).NotTo(HaveOccurred())
			}
			if now += int64(15 * time.Microsecond); i%64 == 0 {
				c.Sweep(now, 0)
			}
			if i%1000 == 0 {
				st := c.Stats()
				Expect(st.Memory.Total).To(BeNumerically("<=", limit))
				if i > items*3/4 {
					worst = min(worst, float64(st.Bytes)/float64(limit))
				}
			}
		}
		GinkgoWriter.Printf("live share of %d bytes: at least %.3f\n", limit, worst)
		Expect(worst).To(BeNumerically(">=", least))
	},
		Entry("64 MiB", 64<<20, 120_000, 0.85),
	)

	It("is counted by remaining time", func() {
		c, _ := newCache()
		for i, ttl := range []time.Duration{0, 500 * time.Millisecond, 30 * time.Second, 30 * time.Minute, 30 * 24 * time.Hour} {
			_, err := c.Set(c.Now(), numbered(i), value, ttl)
			Expect(err).NotTo(HaveOccurred())
		}
		h := c.Stats().TTL
		total := uint64(0)
		for _, n := range h {
			total += n
		}
		Expect(total).To(BeEquivalentTo(5))
		Expect(h[len(h)-1]).To(BeEquivalentTo(1), "never expires")
		Expect(h[len(h)-2]).To(BeEquivalentTo(1), "more than a week")
		Expect(h[1]).To(BeEquivalentTo(1), "at most a second")
	})
})

var _ = Describe("Many goroutines", func() {
	It("share a cache that is full, expiring, compacting and growing", func() {
		clk := clock.NewMock()
		c, err := cache.New(clk, cache.WithMaxMemory(4<<20), cache.WithShards(4))
		Expect(err).NotTo(HaveOccurred())
		c.Start()
		var wg sync.WaitGroup
		for g := range 6 {
			wg.Go(func() {
				defer GinkgoRecover()
				r := rand.New(rand.NewPCG(uint64(g), 5))
				for range 1500 {
					churn(c, r)
				}
			})
		}
		wg.Go(func() {
			for range 300 {
				clk.Add(50 * time.Millisecond)
			}
		})
		wg.Go(func() {
			defer GinkgoRecover()
			for range 20 {
				Expect(c.Check()).To(Succeed())
				c.Scan(c.Now(), 0, 1<<20, func(cache.Item) {})
			}
		})
		wg.Wait()
		Expect(c.Close()).To(Succeed())
		Expect(c.Check()).To(Succeed())
		c.Flush(c.Now(), nil)
		Expect(c.Check()).To(Succeed())
		Expect(c.Stats().Memory.Large).To(BeZero())
	})
})

// churn runs one random operation. A value is filled with one byte throughout,
// so that a torn one shows.
func churn(c *cache.Cache, r *rand.Rand) {
	GinkgoHelper()
	now, key := c.Now(), numbered(r.IntN(2000))
	v := make([]byte, []int{10, 100, 100, 100, 2000, 40_000}[r.IntN(6)])
	fillByte := byte(r.Uint32())
	for i := range v {
		v[i] = fillByte
	}
	whole := func(got []byte) {
		GinkgoHelper()
		for _, b := range got {
			if b != got[0] {
				Fail("a value is torn")
			}
		}
	}
	ttl := time.Duration(r.IntN(5000)) * time.Millisecond
	var err error
	switch r.IntN(10) {
	case 0, 1, 2:
		_, err = c.Set(now, key, v, ttl)
	case 3:
		_, _ = c.Add(now, key, v, ttl)
	case 4:
		_, _ = c.Touch(now, key, ttl)
	case 5:
		c.Delete(now, key)
	case 6:
		if got, ok := c.GetDelete(now, nil, key); ok {
			whole(got)
		}
	case 7:
		if _, ref, _, _ := c.GetRef(now, nil, key); ref.Valid() {
			for _, b := range ref.AppendTo(nil) {
				whole(b)
			}
			ref.Release()
		}
	default:
		got, info, ok := c.GetAppend(now, nil, key)
		whole(got)
		if ok && r.IntN(2) == 0 {
			_, _ = c.CompareAndSwap(now, key, v, ttl, info.Version)
		}
	}
	Expect(err).NotTo(HaveOccurred())
}
