package cache_test

import (
	"bytes"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cache"
)

// patterned returns n bytes in which every place differs from its neighbours.
func patterned(n int) []byte {
	v := make([]byte, n)
	for i := range v {
		v[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return v
}

var _ = Describe("Large values", func() {
	var (
		c   *cache.Cache
		clk *clock.Mock
	)
	BeforeEach(func() { c, clk = newCache() })

	stage := func(value []byte, piece int) *cache.Staged {
		GinkgoHelper()
		st, err := c.Stage(key, len(value))
		Expect(err).NotTo(HaveOccurred())
		for st.Missing() > 0 {
			b, err := st.Buffer(c.Now())
			Expect(err).NotTo(HaveOccurred())
			n := copy(b[:min(piece, len(b))], value[len(value)-st.Missing():])
			st.Advance(n)
		}
		return st
	}

	DescribeTable("come back as they went, at", func(size int) {
		c, _ := newCache(cache.WithMaxMemory(256<<20), cache.WithMaxValueSize(64<<20))
		want := patterned(size)
		_, err := c.Set(c.Now(), key, want, time.Hour)
		Expect(err).NotTo(HaveOccurred())
		got, info, ok := c.GetAppend(c.Now(), nil, key)
		Expect(ok).To(BeTrue())
		Expect(info.TTL).To(Equal(time.Hour))
		Expect(bytes.Equal(got, want)).To(BeTrue())
		got, ok = c.GetDelete(c.Now(), nil, key)
		Expect(ok).To(BeTrue())
		Expect(bytes.Equal(got, want)).To(BeTrue())
		Expect(c.Stats().Memory.Large).To(BeZero())
	},
		Entry("the largest size in the log", cache.LargeValueSize-1),
		Entry("the smallest size with memory of its own", cache.LargeValueSize),
		Entry("a segment", 128<<10),
		Entry("a segment and a byte", 128<<10+1),
		Entry("1 MiB", 1<<20),
		Entry("64 MiB", 64<<20),
	)

	It("cost their own pages and little more", func() {
		for i := range 16 {
			_, err := c.Set(c.Now(), []byte{byte(i)}, patterned(1<<20), 0)
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(c.Stats().Memory.Total).To(BeNumerically("<", 17<<20))
	})

	It("are refused when they exceed all memory, without evicting anything", func() {
		c, _ := newCache(cache.WithMaxMemory(4<<20), cache.WithMaxValueSize(64<<20))
		_, err := c.Set(c.Now(), other, value, 0)
		Expect(err).NotTo(HaveOccurred())
		_, err = c.Set(c.Now(), key, patterned(5<<20), 0)
		Expect(err).To(MatchError(cache.ErrFull))
		Expect(c.Stats().Evicted).To(BeZero())
	})

	It("make room for each other, within the limit at every moment", func() {
		c, _ := newCache(cache.WithMaxMemory(8 << 20))
		for i := range 30 {
			_, err := c.Set(c.Now(), []byte{byte(i)}, patterned(1<<20), 0)
			Expect(err).NotTo(HaveOccurred())
			Expect(c.Stats().Memory.Total).To(BeNumerically("<=", 8<<20))
		}
		Expect(c.Stats().Items).To(BeNumerically(">=", 5))
	})

	Describe("being staged", func() {
		It("are invisible until stored, then whole", func() {
			want := patterned(300_000)
			st := stage(want, 7000)
			defer st.Release()
			_, _, ok := c.GetAppend(c.Now(), nil, key)
			Expect(ok).To(BeFalse())
			version, err := st.Set(c.Now(), time.Minute)
			Expect(err).NotTo(HaveOccurred())
			got, info, ok := c.GetAppend(c.Now(), nil, key)
			Expect(ok).To(BeTrue())
			Expect(bytes.Equal(got, want)).To(BeTrue())
			Expect(info).To(Equal(cache.Info{Version: version, TTL: time.Minute}))
		})

		It("cost memory by the bytes that came, not by the size declared", func() {
			before := c.Stats().Memory.Total
			st, err := c.Stage(key, 1<<20)
			Expect(err).NotTo(HaveOccurred())
			Expect(c.Stats().Memory.Total).To(Equal(before))
			b, err := st.Buffer(c.Now())
			Expect(err).NotTo(HaveOccurred())
			Expect(c.Stats().Memory.Large).To(BeEquivalentTo(len(b)))
			Expect(len(b)).To(BeNumerically("<=", 64<<10))
			st.Release()
			Expect(c.Stats().Memory.Total).To(Equal(before))
			st.Release()
		})

		It("are not stored before their last byte", func() {
			st, err := c.Stage(key, 1<<20)
			Expect(err).NotTo(HaveOccurred())
			defer st.Release()
			_, err = st.Set(c.Now(), 0)
			Expect(err).To(MatchError("value has 0 of 1048576 bytes"))
		})

		It("obey the conditions of Add, Replace and CompareAndSwap", func() {
			v := patterned(20_000)
			st := stage(v, len(v))
			_, err := st.Replace(c.Now(), 0)
			Expect(err).To(MatchError(cache.ErrNotFound))
			_, err = st.CompareAndSwap(c.Now(), 0, 1)
			Expect(err).To(MatchError(cache.ErrNotFound))
			_, err = st.Set(c.Now(), -1)
			Expect(err).To(MatchError(cache.ErrNegativeTTL))
			version, err := st.Add(c.Now(), 0)
			Expect(err).NotTo(HaveOccurred())
			st.Release()

			st = stage(v, len(v))
			_, err = st.Add(c.Now(), 0)
			Expect(err).To(MatchError(cache.ErrExists))
			_, err = st.CompareAndSwap(c.Now(), 0, version+1)
			Expect(err).To(MatchError(cache.ErrExists))
			_, err = st.CompareAndSwap(c.Now(), 0, version)
			Expect(err).NotTo(HaveOccurred())
			st.Release()

			st = stage(v, len(v))
			_, err = st.Replace(c.Now(), 0)
			Expect(err).NotTo(HaveOccurred())
			st.Release()
			Expect(c.Stats().Items).To(BeEquivalentTo(1))
			Expect(c.Stats().Memory.Large).To(BeEquivalentTo(20 << 10))
		})

		It("are refused as a write would be", func() {
			_, err := c.Stage(nil, 10)
			Expect(err).To(MatchError(cache.ErrEmptyKey))
			_, err = c.Stage(key, 2<<20)
			Expect(err).To(MatchError(cache.ErrValueTooLarge))
		})

		It("fail when memory runs out with eviction off", func() {
			c, _ := newCache(cache.WithMaxMemory(2<<20), cache.WithEviction(cache.EvictNone))
			a, err := c.Stage(key, 1<<20)
			Expect(err).NotTo(HaveOccurred())
			b, err := c.Stage(other, 1<<20)
			Expect(err).NotTo(HaveOccurred())
			for err == nil {
				for _, st := range []*cache.Staged{a, b} {
					var buf []byte
					if buf, err = st.Buffer(c.Now()); err != nil {
						break
					}
					st.Advance(len(buf))
				}
			}
			Expect(err).To(MatchError(cache.ErrFull))
			a.Release()
			_, err = b.Buffer(c.Now())
			Expect(err).NotTo(HaveOccurred())
			b.Release()
			Expect(c.Stats().Memory.Large).To(BeZero())
		})
	})

	Describe("being read by reference", func() {
		It("stay as they were until released, whatever becomes of the item", func() {
			want := patterned(300_000)
			_, err := c.Set(c.Now(), key, want, time.Second)
			Expect(err).NotTo(HaveOccurred())
			_, ref, info, ok := c.GetRef(c.Now(), nil, key)
			Expect(ok).To(BeTrue())
			Expect(info.TTL).To(Equal(time.Second))
			Expect(ref.Size()).To(Equal(len(want)))

			_, err = c.Set(c.Now(), key, make([]byte, len(want)), 0)
			Expect(err).NotTo(HaveOccurred())
			clk.Add(time.Hour)
			c.Sweep(c.Now(), 0)
			Expect(c.Flush(c.Now(), nil)).To(BeEquivalentTo(1))
			Expect(c.Stats().Memory.Large).NotTo(BeZero())
			Expect(bytes.Equal(bytes.Join(ref.AppendTo(nil), nil), want)).To(BeTrue())
			ref.Release()
			Expect(c.Stats().Memory.Large).To(BeZero())
		})

		It("are told from small ones, which are copied", func() {
			_, err := c.Set(c.Now(), key, value, 0)
			Expect(err).NotTo(HaveOccurred())
			got, ref, _, ok := c.GetRef(c.Now(), []byte("a "), key)
			Expect(ok).To(BeTrue())
			Expect(ref.Valid()).To(BeFalse())
			Expect(string(got)).To(Equal("a value"))
			_, ref, _, ok = c.GetRef(c.Now(), nil, other)
			Expect(ok).To(BeFalse())
			Expect(ref.Valid()).To(BeFalse())
		})
	})
})
