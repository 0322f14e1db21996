package cache_test

import (
	"math/rand/v2"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"
)

var _ = Describe("Memory of large values that are gone", func() {
	const size = 64 << 10

	var (
		c   *cache.Cache
		clk *clock.Mock
	)
	BeforeEach(func() { c, clk = newCache(cache.WithMaxMemory(64<<20), cache.WithShards(1)) })

	set := func(i, size int) {
		GinkgoHelper()
		_, err := c.Set(c.Now(), numbered(i), make([]byte, size), 0)
		Expect(err).NotTo(HaveOccurred())
	}
	load := func(n int) {
		GinkgoHelper()
		for i := range n {
			set(i, size)
		}
	}
	remove := func(n int) {
		GinkgoHelper()
		for i := range n {
			Expect(c.Delete(c.Now(), numbered(i))).To(BeTrue())
		}
	}
	free := func() int64 { return c.Stats().Memory.Free }

	It("is kept for the next ones, and charged meanwhile", func() {
		load(4)
		remove(4)
		Expect(free()).To(BeEquivalentTo(4 * size))
		Expect(c.Stats().Memory.Total).To(BeNumerically(">", 4*size))
		load(3)
		Expect(free()).To(BeEquivalentTo(size))
		Expect(c.Check()).To(Succeed())
	})

	It("passes to an upload as its bytes arrive", func() {
		load(1)
		remove(1)
		st, err := c.BeginUpload(key, size)
		Expect(err).NotTo(HaveOccurred())
		b, err := st.Buffer()
		Expect(err).NotTo(HaveOccurred())
		Expect(free()).To(BeEquivalentTo(size - len(b)))
		Expect(c.Stats().Memory.Transit).To(BeEquivalentTo(len(b)))
		Expect(c.Check()).To(Succeed())
		st.Release()
		Expect(free()).To(BeEquivalentTo(size))
		Expect(c.Stats().Memory.Transit).To(BeZero())
		Expect(c.Check()).To(Succeed())
	})

	DescribeTable("serves a value that", func(size, left int) {
		load(1)
		remove(1)
		set(0, size)
		Expect(free()).To(BeEquivalentTo(left))
		Expect(c.Check()).To(Succeed())
	},
		Entry("needs as many pages", size, 0),
		Entry("needs a page less", size-4096, 0),
		Entry("needs an eighth less", size-2*4096, size),
		Entry("needs a page more", size+1, size),
	)

	It("goes back to the operating system when it was not needed for a second", func() {
		load(8)
		remove(8)
		Expect(c.Sweep(c.Now(), 0)).To(Equal(c.Now() + int64(time.Second)))
		load(3)
		remove(3)
		clk.Add(time.Second)
		c.Sweep(c.Now(), 0)
		Expect(free()).To(BeEquivalentTo(3*size), "five were never needed")
		clk.Add(time.Second)
		c.Sweep(c.Now(), 0)
		Expect(free()).To(BeZero())
		clk.Add(time.Second)
		Expect(c.Sweep(c.Now(), 0)).To(BeZero(), "nothing is left to be done")
	})

	It("is given back by the janitor, though nothing ever expires", func() {
		c.Start()
		defer c.Close() //nolint:errcheck // it always succeeds
		load(8)
		remove(8)
		Eventually(func() int64 {
			clk.Add(time.Second)
			return free()
		}).Should(BeZero())
	})

	It("is an eighth of the limit at the most", func() {
		load(900)
		remove(900)
		Expect(free()).To(And(BeNumerically("<=", 8<<20), BeNumerically(">", 7<<20)))
		Expect(c.Check()).To(Succeed())
	})

	It("is given back before anything is refused or evicted", func() {
		c, clk = newCache(cache.WithMaxMemory(8<<20), cache.WithShards(2), cache.WithEviction(cache.EvictNone))
		load(60)
		remove(60)
		Expect(free()).NotTo(BeZero())
		v := make([]byte, 1000)
		for i := range 7000 {
			_, err := c.Set(c.Now(), numbered(i), v, 0)
			Expect(err).NotTo(HaveOccurred())
		}
	})
})

var _ = Describe("A store full of large values", func() {
	It("evicts no more of them than the next one needs", func() {
		c, _ := newCache(cache.WithMaxMemory(16<<20), cache.WithShards(1))
		v := make([]byte, 64<<10)
		for i := range 1000 {
			before := c.Stats().Evicted
			_, err := c.Set(c.Now(), numbered(i), v, 0)
			Expect(err).NotTo(HaveOccurred())
			Expect(c.Stats().Evicted-before).To(BeNumerically("<=", 2+4), "and four of the limit's 64th that are kept for reuse")
		}
		st := c.Stats()
		Expect(st.Memory.Large).To(BeNumerically(">", 15<<20))
		Expect(c.Check()).To(Succeed())
	})

	DescribeTable("keeps memory for the next one, but takes little from others:", func(size, least, most int) {
		const limit = 8 << 20
		c, _ := newCache(cache.WithMaxMemory(limit), cache.WithShards(1))
		kept := 0
		for i := range 3 * limit / size {
			_, err := c.Set(c.Now(), numbered(i), make([]byte, size), 0)
			Expect(err).NotTo(HaveOccurred())
			if i > limit/size {
				kept = max(kept, int(c.Stats().Memory.Free))
			}
		}
		Expect(kept).To(And(BeNumerically(">=", least), BeNumerically("<=", most)))
	},
		Entry("a 64th of the limit", 32<<10, 128<<10-32<<10, 128<<10),
		Entry("as much as a larger value needs", 256<<10, 256<<10-128<<10, 256<<10),
		Entry("a 16th of the limit for the largest", 1<<20, 512<<10-128<<10, 512<<10),
	)

	It("stores values of every size, whatever pages happen to be free", func() {
		c, _ := newCache(cache.WithMaxMemory(8<<20), cache.WithShards(2))
		r := rand.New(rand.NewPCG(3, 3))
		v := make([]byte, 80<<10)
		for range 3000 {
			_, err := c.Set(c.Now(), numbered(r.IntN(500)), v[:1+r.IntN(len(v))], 0)
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(c.Check()).To(Succeed())
	})
})
