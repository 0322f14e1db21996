package cache_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"
)

var _ = Describe("A scan", func() {
	const items = 3000
	var (
		clk *clock.Mock
		c   *cache.Cache
	)
	name := func(i int) []byte { return fmt.Appendf(nil, "key-%d", i) }
	value := func(i int) []byte { return []byte(strings.Repeat(fmt.Sprint(i), 1+i%7)) }

	BeforeEach(func() {
		clk = clock.NewMock()
		var err error
		c, err = cache.New(clk, cache.WithMaxMemory(64<<20))
		Expect(err).NotTo(HaveOccurred())
		for i := range items {
			_, err := c.Set(c.Now(), name(i), value(i), time.Duration(i)*time.Second)
			Expect(err).NotTo(HaveOccurred())
		}
	})

	// walk scans with the given budget, calls between after each step, and
	// returns how often each key was visited.
	walk := func(budget int, between func(step int)) map[string]int {
		GinkgoHelper()
		seen := make(map[string]int)
		cursor := uint64(0)
		for step := 0; ; step++ {
			cursor = c.Scan(c.Now(), cursor, budget, func(it cache.Item) { seen[string(it.Key)]++ })
			if cursor == 0 {
				return seen
			}
			between(step)
			Expect(step).To(BeNumerically("<", 10*items), "the walk does not end")
		}
	}

	It("visits every item exactly once, whatever the budget", func() {
		for _, budget := range []int{1, 4 << 10, 1 << 20, 1 << 30} {
			seen := walk(budget, func(int) {})
			Expect(seen).To(HaveLen(items))
			for key, times := range seen {
				Expect(times).To(Equal(1), key)
			}
		}
	})

	It("hands out the value, the version and the time that is left", func() {
		_, version, ok := c.GetAppend(c.Now(), nil, name(1234))
		Expect(ok).To(BeTrue())
		clk.Add(time.Minute)
		found := false
		for cursor := uint64(0); ; {
			cursor = c.Scan(c.Now(), cursor, 64<<10, func(it cache.Item) {
				if string(it.Key) == string(name(1234)) {
					found = true
					Expect(it.Value).To(Equal(value(1234)))
					Expect(it.Info).To(Equal(cache.Info{Version: version.Version, TTL: 1174 * time.Second}))
				}
			})
			if cursor == 0 {
				break
			}
		}
		Expect(found).To(BeTrue())
	})

	It("passes expired items over, and keeps those without expiry", func() {
		clk.Add(1000 * time.Second)
		seen := walk(64<<10, func(int) {})
		Expect(seen).To(HaveLen(items - 1000)) // item 0 never expires, items 1 to 1000 have
		Expect(seen).To(HaveKey(string(name(0))))
		Expect(seen).NotTo(HaveKey(string(name(1000))))
		Expect(seen).To(HaveKey(string(name(1001))))
	})

	It("misses no item that stays while others come, go and move", func() {
		seen := walk(10<<10, func(step int) {
			for j := range 50 {
				i := 1 + 2*((step*50+j)%(items/2)) // odd ones change, even ones stay
				switch step % 3 {
				case 0:
					c.Delete(c.Now(), name(i))
				case 1:
					_, err := c.Set(c.Now(), name(i), value(i+j), time.Hour)
					Expect(err).NotTo(HaveOccurred())
				case 2:
					_, err := c.Set(c.Now(), fmt.Appendf(nil, "new-%d-%d", step, j), value(j), time.Hour)
					Expect(err).NotTo(HaveOccurred())
				}
			}
		})
		for i := 0; i < items; i += 2 {
			Expect(seen[string(name(i))]).To(Equal(1))
		}
	})

	It("hands out no more large values at once than it was asked for", func() {
		large, err := cache.New(clock.NewMock(), cache.WithMaxMemory(64<<20), cache.WithShards(1))
		Expect(err).NotTo(HaveOccurred())
		for i := range 100 {
			_, err := large.Set(1, name(i), make([]byte, 100_000), 0)
			Expect(err).NotTo(HaveOccurred())
		}
		seen := 0
		for cursor := uint64(0); seen < 100; {
			step := 0
			cursor = large.Scan(1, cursor, 150_000, func(cache.Item) { step++ })
			Expect(step).To(BeNumerically("~", 2, 1))
			seen += step
		}
	})

	It("goes on, item by item, with a budget of nothing", func() {
		few, err := cache.New(clk, cache.WithMaxMemory(1<<20))
		Expect(err).NotTo(HaveOccurred())
		for i := range 20 {
			_, err := few.Set(1, name(i), []byte("v"), 0)
			Expect(err).NotTo(HaveOccurred())
		}
		for _, budget := range []int{0, -1} {
			seen, cursor := 0, uint64(0)
			for steps := 0; steps == 0 || cursor != 0; steps++ {
				Expect(steps).To(BeNumerically("<=", 20), "the walk does not end")
				cursor = few.Scan(1, cursor, budget, func(cache.Item) { seen++ })
			}
			Expect(seen).To(Equal(20))
		}
	})

	// keys lists the keys with a prefix, step by step.
	keys := func(prefix string, most int, between func(step int)) map[string]int {
		GinkgoHelper()
		seen := make(map[string]int)
		cursor := uint64(0)
		for step := 0; ; step++ {
			visited := 0
			cursor = c.ScanKeys(c.Now(), cursor, []byte(prefix), most, func(key []byte) { seen[string(key)]++; visited++ })
			Expect(visited).To(BeNumerically("<=", most+3), "but for keys whose hashes begin alike")
			if cursor == 0 {
				return seen
			}
			between(step)
			Expect(step).To(BeNumerically("<", 10*items), "the walk does not end")
		}
	}

	It("lists the keys of a prefix exactly once, few at a time or many", func() {
		for _, most := range []int{1, 10, 1000} {
			seen := keys("key-1", most, func(int) {})
			Expect(seen).To(HaveLen(1 + 10 + 100 + 1000))
			for key, times := range seen {
				Expect(key).To(HavePrefix("key-1"))
				Expect(times).To(Equal(1), key)
			}
		}
		Expect(keys("", 100, func(int) {})).To(HaveLen(items))
		Expect(keys("no", 100, func(int) {})).To(BeEmpty())
	})

	It("lists no expired key", func() {
		clk.Add(1000 * time.Second)
		Expect(keys("key-", 100, func(int) {})).To(HaveLen(items - 1000))
	})

	It("misses no key that stays while the index grows and shrinks", func() {
		seen := keys("key-", 20, func(step int) {
			for j := range 500 {
				key := fmt.Appendf(nil, "new-%d-%d", step, j)
				if step%2 == 1 {
					c.Delete(c.Now(), fmt.Appendf(nil, "new-%d-%d", step-1, j))
					continue
				}
				_, err := c.Set(c.Now(), key, value(j), time.Hour)
				Expect(err).NotTo(HaveOccurred())
			}
		})
		Expect(seen).To(HaveLen(items))
	})

	It("takes any cursor, and a step's work is bounded however few keys match", func() {
		Expect(c.ScanKeys(c.Now(), 1<<63, nil, 10, func([]byte) { Fail("there is none") })).To(BeZero())
		steps := 0
		big, err := cache.New(clk, cache.WithMaxMemory(64<<20))
		Expect(err).NotTo(HaveOccurred())
		for i := range 50_000 {
			_, err := big.Set(1, name(i), []byte("v"), 0)
			Expect(err).NotTo(HaveOccurred())
		}
		for cursor := uint64(0); ; steps++ {
			if cursor = big.ScanKeys(1, cursor, []byte("no"), 10, func([]byte) { Fail("there is none") }); cursor == 0 {
				break
			}
		}
		Expect(steps).To(BeNumerically(">=", 50_000/4096-1))
	})

	It("lists at most about 64 KiB of keys in a step, or looks at 4096", func() {
		big, err := cache.New(clk, cache.WithMaxMemory(64<<20), cache.WithShards(1))
		Expect(err).NotTo(HaveOccurred())
		for i := range 10_000 {
			_, err := big.Set(1, fmt.Appendf(nil, "%01000d", i), []byte("v"), 0)
			Expect(err).NotTo(HaveOccurred())
		}
		const batch, seen = 64, 4096
		listed := 0
		Expect(big.ScanKeys(1, 0, []byte("0"), 10_000, func(key []byte) { listed += len(key) })).NotTo(BeZero())
		Expect(listed).To(And(BeNumerically(">=", 64<<10), BeNumerically("<", 64<<10+batch*1000)))
		// Each batch counts as one key more.
		cursor, steps := uint64(0), 0
		for steps == 0 || cursor != 0 {
			cursor = big.ScanKeys(1, cursor, []byte("no"), 10_000, func([]byte) { Fail("there is none") })
			steps++
		}
		Expect(steps).To(And(BeNumerically("<=", 10_000*(batch+1)/batch/seen+1), BeNumerically(">", 10_000/(seen+batch))))
	})

	It("counts neither as hit nor as miss", func() {
		before := c.Stats()
		walk(64<<10, func(int) {})
		after := c.Stats()
		Expect(after.Hits).To(Equal(before.Hits))
		Expect(after.Misses).To(Equal(before.Misses))
	})
})
