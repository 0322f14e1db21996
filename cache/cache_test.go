package cache_test

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"
)

// newCache returns a cache on a mock clock, checked for consistency when the
// spec ends.
func newCache(opts ...cache.Option) (*cache.Cache, *clock.Mock) {
	GinkgoHelper()
	clk := clock.NewMock()
	c, err := cache.New(clk, append([]cache.Option{cache.WithMaxMemory(64 << 20)}, opts...)...)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		Expect(c.Check()).To(Succeed())
		Expect(c.Close()).To(Succeed())
	})
	return c, clk
}

var (
	key   = []byte("key")
	value = []byte("value")
	other = []byte("another")
)

var _ = Describe("Items", func() {
	var (
		c   *cache.Cache
		clk *clock.Mock
	)
	BeforeEach(func() { c, clk = newCache() })

	get := func(key []byte) any {
		v, _, ok := c.GetAppend(c.Now(), nil, key)
		if !ok {
			return nil
		}
		return string(v)
	}
	// store puts value under key, and lets it expire if it is not to live.
	store := func(ttl time.Duration) uint64 {
		GinkgoHelper()
		version, err := c.Set(c.Now(), key, value, ttl)
		Expect(err).NotTo(HaveOccurred())
		return version
	}
	expire := func() {
		store(time.Second)
		clk.Add(time.Second)
	}

	It("are found under their key alone", func() {
		store(0)
		Expect(get(key)).To(Equal("value"))
		Expect(get([]byte("kez"))).To(BeNil())
	})

	It("are visible to the last nanosecond and gone at the next", func() {
		store(time.Second)
		clk.Add(time.Second - 1)
		Expect(get(key)).To(Equal("value"))
		clk.Add(1)
		Expect(get(key)).To(BeNil())
	})

	It("never expire with a TTL of zero or one that overflows", func() {
		store(0)
		clk.Add(math.MaxInt64 / 4)
		Expect(get(key)).To(Equal("value"))
		store(math.MaxInt64)
		_, info, ok := c.GetAppend(c.Now(), nil, key)
		Expect(ok).To(BeTrue())
		Expect(info.TTL).To(BeZero())
	})

	It("report how much of their TTL is left", func() {
		store(time.Minute)
		clk.Add(20 * time.Second)
		_, info, _ := c.GetAppend(c.Now(), nil, key)
		Expect(info.TTL).To(Equal(40 * time.Second))
	})

	It("append to what the caller has, and own their bytes", func() {
		mine := bytes.Clone(value)
		_, err := c.Set(c.Now(), key, mine, 0)
		Expect(err).NotTo(HaveOccurred())
		mine[0] = 'X'
		v, _, _ := c.GetAppend(c.Now(), []byte("got "), key)
		Expect(string(v)).To(Equal("got value"))
		v[4] = 'Y'
		Expect(get(key)).To(Equal("value"))
	})

	It("may be empty, and may have keys of any bytes up to 65,535", func() {
		long := bytes.Repeat([]byte{0}, cache.MaxKeySize)
		_, err := c.Set(c.Now(), long, nil, 0)
		Expect(err).NotTo(HaveOccurred())
		Expect(get(long)).To(Equal(""))
	})

	It("lose value and ttl to a later Set", func() {
		store(time.Second)
		_, err := c.Set(c.Now(), key, other, 0)
		Expect(err).NotTo(HaveOccurred())
		clk.Add(time.Hour)
		Expect(get(key)).To(Equal("another"))
	})

	DescribeTable("are refused and leave the older one alone when",
		func(key, value []byte, ttl time.Duration, want error, text string) {
			store(0)
			_, err := c.Set(c.Now(), key, value, ttl)
			Expect(err).To(MatchError(want))
			Expect(err.Error()).To(ContainSubstring(text))
			Expect(get([]byte("key"))).To(Equal("value"))
		},
		Entry("the key is empty", []byte{}, value, time.Second, cache.ErrEmptyKey, "empty"),
		Entry("the key is too long", make([]byte, 65536), value, time.Second, cache.ErrKeyTooLarge, "65536 bytes, limit 65535"),
		Entry("the value is too long", key, make([]byte, 1<<20+1), time.Second, cache.ErrValueTooLarge, "1048577 bytes, limit 1048576"),
		Entry("the ttl is negative", key, value, -time.Second, cache.ErrNegativeTTL, "-1s"),
	)

	Describe("Add", func() {
		It("stores if there is no item", func() {
			_, err := c.Add(c.Now(), key, value, 0)
			Expect(err).NotTo(HaveOccurred())
			Expect(get(key)).To(Equal("value"))
		})
		It("stores where an item has expired", func() {
			expire()
			_, err := c.Add(c.Now(), key, other, 0)
			Expect(err).NotTo(HaveOccurred())
			Expect(get(key)).To(Equal("another"))
		})
		It("leaves a live item alone", func() {
			store(0)
			_, err := c.Add(c.Now(), key, other, 0)
			Expect(err).To(MatchError(cache.ErrExists))
			Expect(get(key)).To(Equal("value"))
		})
	})

	Describe("Replace", func() {
		It("replaces a live item", func() {
			store(0)
			_, err := c.Replace(c.Now(), key, other, 0)
			Expect(err).NotTo(HaveOccurred())
			Expect(get(key)).To(Equal("another"))
		})
		It("refuses if there is no item", func() {
			_, err := c.Replace(c.Now(), key, other, 0)
			Expect(err).To(MatchError(cache.ErrNotFound))
			Expect(get(key)).To(BeNil())
		})
		It("refuses where an item has expired", func() {
			expire()
			_, err := c.Replace(c.Now(), key, other, 0)
			Expect(err).To(MatchError(cache.ErrNotFound))
		})
	})

	Describe("CompareAndSwap", func() {
		It("stores over the version it was given", func() {
			old := store(0)
			version, err := c.CompareAndSwap(c.Now(), key, other, 0, old)
			Expect(err).NotTo(HaveOccurred())
			Expect(version).NotTo(Equal(old))
			Expect(get(key)).To(Equal("another"))
		})
		It("refuses any other version", func() {
			old := store(0)
			store(0)
			_, err := c.CompareAndSwap(c.Now(), key, other, 0, old)
			Expect(err).To(MatchError(cache.ErrExists))
			Expect(get(key)).To(Equal("value"))
		})
		It("refuses if there is no item, or no longer", func() {
			_, err := c.CompareAndSwap(c.Now(), key, other, 0, 1)
			Expect(err).To(MatchError(cache.ErrNotFound))
			expire()
			_, err = c.CompareAndSwap(c.Now(), key, other, 0, 1)
			Expect(err).To(MatchError(cache.ErrNotFound))
		})
	})

	Describe("Touch", func() {
		It("gives a live item a new ttl and version", func() {
			old := store(time.Second)
			version, err := c.Touch(c.Now(), key, time.Hour)
			Expect(err).NotTo(HaveOccurred())
			Expect(version).NotTo(Equal(old))
			clk.Add(time.Hour - 1)
			_, info, ok := c.GetAppend(c.Now(), nil, key)
			Expect(ok).To(BeTrue())
			Expect(info).To(Equal(cache.Info{Version: version, TTL: 1}))
		})
		It("can shorten a ttl and take it away", func() {
			store(time.Hour)
			_, err := c.Touch(c.Now(), key, 0)
			Expect(err).NotTo(HaveOccurred())
			clk.Add(2 * time.Hour)
			Expect(get(key)).To(Equal("value"))
			_, err = c.Touch(c.Now(), key, 1)
			Expect(err).NotTo(HaveOccurred())
			clk.Add(1)
			Expect(get(key)).To(BeNil())
		})
		It("refuses an expired or missing item", func() {
			expire()
			_, err := c.Touch(c.Now(), key, time.Hour)
			Expect(err).To(MatchError(cache.ErrNotFound))
			_, err = c.Touch(c.Now(), []byte("never"), time.Hour)
			Expect(err).To(MatchError(cache.ErrNotFound))
		})
	})

	Describe("Delete and GetDelete", func() {
		It("remove a live item once", func() {
			store(0)
			v, ok := c.GetDelete(c.Now(), nil, key)
			Expect(ok).To(BeTrue())
			Expect(string(v)).To(Equal("value"))
			_, ok = c.GetDelete(c.Now(), nil, key)
			Expect(ok).To(BeFalse())
			store(0)
			Expect(c.Delete(c.Now(), key)).To(BeTrue())
			Expect(c.Delete(c.Now(), key)).To(BeFalse())
		})
		It("find nothing where an item has expired", func() {
			expire()
			Expect(c.Delete(c.Now(), key)).To(BeFalse())
			expire()
			_, ok := c.GetDelete(c.Now(), nil, key)
			Expect(ok).To(BeFalse())
		})
	})

	Describe("Flush", func() {
		It("lays the index out anew a few times, and not for every item", func() {
			big, err := cache.New(clock.NewMock(), cache.WithMaxMemory(64<<20))
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(big.Close)
			const items = 50_000
			for i := range items {
				Expect(big.Set(1, fmt.Append(nil, "key", i), make([]byte, 100), time.Hour)).Error().NotTo(HaveOccurred())
			}
			// A layout is an object of the heap; nothing else is one.
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			Expect(big.Flush(1, nil)).To(BeEquivalentTo(items))
			runtime.ReadMemStats(&after)
			Expect(after.Mallocs - before.Mallocs).To(BeNumerically("<", items/20))
			Expect(big.Check()).To(Succeed())
		})

		BeforeEach(func() {
			for _, k := range []string{"a1", "a2", "b1"} {
				_, err := c.Set(c.Now(), []byte(k), value, 0)
				Expect(err).NotTo(HaveOccurred())
			}
		})
		It("removes what has the prefix", func() {
			Expect(c.Flush(c.Now(), []byte("a"))).To(BeEquivalentTo(2))
			Expect(get([]byte("a1"))).To(BeNil())
			Expect(get([]byte("b1"))).To(Equal("value"))
		})
		It("removes everything, and counts only what was alive", func() {
			expire()
			Expect(c.Flush(c.Now(), nil)).To(BeEquivalentTo(3))
			Expect(c.Stats().Items).To(BeZero())
		})
	})

	It("never get a version twice, whatever happens in between", func() {
		seen := map[uint64]bool{}
		fresh := func(v uint64, err error) {
			GinkgoHelper()
			Expect(err).NotTo(HaveOccurred())
			Expect(v).NotTo(BeZero())
			Expect(seen).NotTo(HaveKey(v))
			seen[v] = true
		}
		for range 200 {
			fresh(c.Set(c.Now(), key, value, time.Second))
			fresh(c.Touch(c.Now(), key, time.Minute))
			fresh(c.Replace(c.Now(), key, other, time.Second))
			switch len(seen) % 3 {
			case 0:
				Expect(c.Delete(c.Now(), key)).To(BeTrue())
			case 1:
				clk.Add(time.Second)
				c.Sweep(c.Now(), 0)
			}
		}
	})
})

var _ = Describe("The janitor", func() {
	It("returns what has expired and sleeps until the next deadline", func() {
		c, clk := newCache()
		c.Start()
		for i := range 100 {
			_, err := c.Set(c.Now(), []byte{1, byte(i)}, value, time.Minute)
			Expect(err).NotTo(HaveOccurred())
			_, err = c.Set(c.Now(), []byte{2, byte(i)}, value, time.Hour)
			Expect(err).NotTo(HaveOccurred())
		}
		Eventually(func() uint64 {
			clk.Add(10 * time.Second)
			return c.Stats().Expired
		}).Should(BeEquivalentTo(100))
		Expect(c.Stats().Items).To(BeEquivalentTo(100))
	})

	It("wakes for a deadline earlier than the one it sleeps for", func() {
		c, clk := newCache()
		c.Start()
		_, err := c.Set(c.Now(), key, value, 24*time.Hour)
		Expect(err).NotTo(HaveOccurred())
		_, err = c.Set(c.Now(), other, value, time.Second)
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() uint64 {
			clk.Add(time.Second)
			return c.Stats().Expired
		}).Should(BeEquivalentTo(1))
	})

	It("follows a clock that jumps ahead and one that steps back", func() {
		c, clk := newCache()
		c.Start()
		start := clk.Now()
		_, err := c.Set(c.Now(), key, value, time.Hour)
		Expect(err).NotTo(HaveOccurred())
		clk.Set(start.Add(-time.Hour))
		Expect(c.Now()).To(BeNumerically(">", 0))
		_, _, ok := c.GetAppend(c.Now(), nil, key)
		Expect(ok).To(BeTrue())
		Eventually(func() uint64 {
			clk.Add(5 * time.Hour)
			return c.Stats().Items
		}).Should(BeZero())
	})

	It("may be started and closed twice", func() {
		c, _ := newCache()
		c.Start()
		c.Start()
		Expect(c.Close()).To(Succeed())
		Expect(c.Close()).To(Succeed())
	})
})

var _ = Describe("Sweep", func() {
	It("names the next deadline, and none when nothing expires", func() {
		c, clk := newCache()
		Expect(c.Sweep(c.Now(), 0)).To(BeZero())
		_, err := c.Set(c.Now(), key, value, 0)
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Sweep(c.Now(), 0)).To(BeZero())
		_, err = c.Set(c.Now(), other, value, time.Minute)
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Sweep(c.Now(), 0)).To(BeNumerically("~", c.Now()+int64(time.Minute), int64(time.Minute/8)))
		clk.Add(time.Minute + time.Minute/8)
		Expect(c.Sweep(c.Now(), 0)).To(BeZero())
		Expect(c.Stats().Expired).To(BeEquivalentTo(1))
	})

	It("stops at its budget and says that there is more", func() {
		c, clk := newCache(cache.WithShards(1))
		for i := range 1000 {
			_, err := c.Set(c.Now(), []byte{byte(i), byte(i >> 8)}, value, time.Second)
			Expect(err).NotTo(HaveOccurred())
		}
		clk.Add(2 * time.Second)
		calls := 1
		for c.Sweep(c.Now(), 10) != 0 {
			calls++
		}
		Expect(calls).To(BeNumerically(">=", 10))
		Expect(c.Stats().Items).To(BeZero())
	})
})

var _ = Describe("Memory", func() {
	fill := func(c *cache.Cache, n, size int) (err error) {
		v := make([]byte, size)
		for i := range n {
			k := []byte{byte(i), byte(i >> 8), byte(i >> 16), 'k'}
			if _, e := c.Set(c.Now(), k, v, 0); e != nil {
				err = e
			}
		}
		return err
	}

	It("makes room by evicting", func() {
		c, _ := newCache(cache.WithMaxMemory(4 << 20))
		Expect(fill(c, 20_000, 1000)).To(Succeed())
		st := c.Stats()
		Expect(st.Memory.Total).To(BeNumerically("<=", 4<<20))
		Expect(st.Evicted).NotTo(BeZero())
		Expect(st.Items + st.Evicted).To(BeEquivalentTo(20_000))
	})

	It("refuses writes when eviction is off, and takes them again after a delete", func() {
		c, _ := newCache(cache.WithMaxMemory(4<<20), cache.WithEviction(cache.EvictNone))
		Expect(fill(c, 20_000, 1000)).To(MatchError(cache.ErrFull))
		st := c.Stats()
		Expect(st.Memory.Total).To(BeNumerically("<=", 4<<20))
		Expect(st.Evicted).To(BeZero())
		Expect(st.Refused + st.Items).To(BeEquivalentTo(20_000))
		Expect(c.Flush(c.Now(), nil)).To(Equal(st.Items))
		Expect(fill(c, 1000, 1000)).To(Succeed())
	})

	It("counts writes, hits and misses", func() {
		c, _ := newCache()
		for i := range 7 {
			_, err := c.Set(c.Now(), fmt.Append(nil, i), value, 0)
			Expect(err).NotTo(HaveOccurred())
		}
		for i := range 12 {
			_, _, found := c.GetAppend(c.Now(), nil, fmt.Append(nil, i))
			Expect(found).To(Equal(i < 7))
		}
		Expect(c.Delete(c.Now(), []byte("0"))).To(BeTrue())
		st := c.Stats()
		Expect([]uint64{st.Sets, st.Hits, st.Misses, st.Deleted, st.Items}).To(Equal([]uint64{7, 7, 5, 1, 6}))
	})

	It("has a limit by default that the machine can hold", func() {
		Expect(cache.DefaultMaxMemory()).To(BeNumerically(">", 0))
	})
})

var _ = DescribeTable("New takes",
	func(opts ...cache.Option) {
		c, err := cache.New(clock.NewMock(), opts...)
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Close()).To(Succeed())
	},
	Entry("as many shards as its memory is just enough for", cache.WithShards(32), cache.WithMaxMemory(2<<20)),
)

var _ = DescribeTable("New refuses",
	func(text string, opts ...cache.Option) {
		_, err := cache.New(clock.NewMock(), opts...)
		Expect(err).To(MatchError(ContainSubstring(text)))
	},
	Entry("too little memory", "max memory is 5 bytes", cache.WithMaxMemory(5)),
	Entry("a negative value size", "max value size is -1", cache.WithMaxValueSize(-1)),
	Entry("more shards than its memory is enough for", "shards is 32, max memory of 2097151 bytes allows 31", cache.WithShards(32), cache.WithMaxMemory(2<<20-1)),
	Entry("an odd number of shards", "shards is 3", cache.WithShards(3)),
	Entry("an unknown policy", "eviction is eviction(9)", cache.WithEviction(9)),
)

var _ = Describe("ParseEviction", func() {
	It("reads what String writes and refuses the rest", func() {
		for _, e := range []cache.Eviction{cache.EvictLeastUsed, cache.EvictNone} {
			Expect(cache.ParseEviction(e.String())).To(Equal(e))
		}
		_, err := cache.ParseEviction("lru")
		Expect(err).To(MatchError(ContainSubstring(`"lru"`)))
	})
})

var _ = Describe("The limits of a cache", func() {
	It("are those of its documentation", func() {
		Expect([]int{
			cache.MaxKeySize, cache.DefaultMaxValueSize, cache.MaxValueSizeLimit, cache.MinMemory, cache.MaxAccountName, cache.MaxPrefetch,
		}).To(Equal([]int{65535, 1 << 20, 1 << 30, 1 << 20, 255, 16}))
	})
})
