package cache

import (
	"fmt"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("Room for a write", func() {
	const shards, limit, large = 4, 64 << 20, 256 << 10
	var (
		c    *Cache
		keys [shards]int
	)

	// write stores a value of that size under a new key of the shard.
	write := func(shard, size int) {
		GinkgoHelper()
		for {
			key := fmt.Append(nil, keys[shard])
			keys[shard]++
			if s, _ := c.shard(key); s != c.shards[shard] {
				continue
			}
			_, err := c.Set(1, key, make([]byte, size), 0)
			Expect(err).NotTo(HaveOccurred())
			return
		}
	}
	// evicted returns how many items each shard has given up.
	evicted := func() (n [shards]uint64) {
		for i, s := range c.shards {
			n[i] = s.count.evicted
		}
		return n
	}

	// The first shard is the fullest, the second has more than its share, too, and the
	// others have little. There is no room left.
	BeforeEach(func() {
		var err error
		c, err = New(clock.NewMock(), WithMaxMemory(limit), WithShards(shards))
		Expect(err).NotTo(HaveOccurred())
		clear(keys[:])
		for range limit * 3 / 10 / large {
			write(1, large)
		}
		for shard := 2; shard < shards; shard++ {
			for range 10 {
				write(shard, large)
			}
		}
		for evicted() == [shards]uint64{} {
			write(0, large)
		}
		Expect(c.shards[1].pages.Load()).To(And(
			BeNumerically(">", c.budget.max/shards), BeNumerically("<", c.shards[0].pages.Load())))
		DeferCleanup(func() { Expect(c.Check()).To(Succeed()) })
	})

	DescribeTable("is made by", func(shard, size, by int) {
		before := evicted()
		for n := 0; evicted() == before; n++ {
			Expect(n).To(BeNumerically("<", 10_000))
			write(shard, size)
		}
		for i, n := range evicted() {
			Expect(n > before[i]).To(Equal(i == by), "shard %d", i)
		}
	},
		Entry("the shard itself for a large value, if it has its share of the memory", 1, large, 1),
		Entry("the fullest shard for a large value, if it has less", 2, large, 0),
		Entry("the fullest shard for a small value", 1, 1000, 0),
	)

	It("costs no more large values than it needs", func() {
		for range 20 {
			before := evicted()
			write(1, large)
			after := evicted()
			Expect(after[1]-before[1]).To(BeNumerically("<=", 2), "of the same size, and what its record needs")
		}
	})

	It("is made by what has expired in one shard, if a fuller one has nothing to give", func() {
		var err error
		c, err = New(clock.NewMock(), WithMaxMemory(limit), WithShards(shards), WithEviction(EvictNone))
		Expect(err).NotTo(HaveOccurred())
		write := func(now int64, shard int, ttl time.Duration) error {
			GinkgoHelper()
			for {
				key := fmt.Append(nil, keys[shard])
				keys[shard]++
				if s, _ := c.shard(key); s == c.shards[shard] {
					_, err := c.Set(now, key, make([]byte, large), ttl)
					return err
				}
			}
		}
		for range 10 {
			Expect(write(1, 1, time.Minute)).To(Succeed())
		}
		for err == nil {
			err = write(1, 0, 0)
		}
		Expect(err).To(MatchError(ErrFull))
		Expect(write(int64(time.Hour), 0, 0)).To(Succeed())
	})

	It("is made by what has expired alone, though others were about to go", func() {
		c, err := New(clock.NewMock(), WithMaxMemory(16<<20), WithShards(1))
		Expect(err).NotTo(HaveOccurred())
		s := c.shards[0]
		set := func(i, size int, ttl time.Duration) {
			GinkgoHelper()
			_, err := c.Set(1, fmt.Append(nil, i), make([]byte, size), ttl)
			Expect(err).NotTo(HaveOccurred())
		}
		for i := range 40 {
			set(i, large, 0)
		}
		for i := range 100 {
			set(1000+i, 1000, time.Minute)
		}
		for i := 40; s.count.evicted == 0; i++ {
			set(i, large, 0)
		}
		Expect(s.victim.reason).To(Equal(evicting))
		Expect(s.victim.seg).NotTo(BeEquivalentTo(none))
		before := s.count.evicted
		c.Sweep(int64(time.Hour), 0)
		Expect(s.count.expired).To(BeEquivalentTo(100))
		Expect(s.count.evicted).To(Equal(before))
		Expect(c.Check()).To(Succeed())
	})

	DescribeTable("is made by what has expired, even after survivors of another segment found none", func(size int) {
		c, err := New(clock.NewMock(), WithMaxMemory(16<<20), WithShards(1), WithEviction(EvictNone))
		Expect(err).NotTo(HaveOccurred())
		key := func(i int) []byte { return fmt.Append(nil, i) }
		for i := range 2000 {
			ttl, size := time.Duration(0), size
			if i%10 == 0 {
				ttl = time.Minute
			}
			if i%10 != 2 {
				size = 1000
			}
			_, err := c.Set(1, key(i), make([]byte, size), ttl)
			Expect(err).NotTo(HaveOccurred())
		}
		for i := 1; i < 2000; i += 2 {
			Expect(c.Delete(1, key(i))).To(BeTrue())
		}
		taken := c.budget.max - c.budget.used.Load() // the reserve, too
		c.budget.used.Add(taken)
		Expect(c.reclaimFrom(1, c.shards[0], 1)).To(BeFalse())
		Expect(c.reclaimFrom(int64(time.Hour), c.shards[0], 1)).To(BeTrue())
		Expect(c.Stats().Expired).NotTo(BeZero())
		c.budget.used.Add(-taken)
		Expect(c.Check()).To(Succeed())
	},
		Entry("which were small", 1000),
		Entry("of which some were large", LargeValueSize),
	)
})
