package cache_test

import (
	"bytes"
	"fmt"
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

	upload := func(value []byte, piece int) *cache.Upload {
		GinkgoHelper()
		st, err := c.BeginUpload(key, len(value))
		Expect(err).NotTo(HaveOccurred())
		for st.Missing() > 0 {
			b, err := st.Buffer()
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

	Describe("being uploaded", func() {
		It("are invisible until stored, then whole", func() {
			want := patterned(300_000)
			st := upload(want, 7000)
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
			st, err := c.BeginUpload(key, 1<<20)
			Expect(err).NotTo(HaveOccurred())
			Expect(c.Stats().Memory.Total).To(Equal(before))
			b, err := st.Buffer()
			Expect(err).NotTo(HaveOccurred())
			Expect(b).To(HaveLen(32 << 10))
			for st.Missing() > 0 {
				st.Advance(len(b))
				came := 1<<20 - st.Missing()
				b, err = st.Buffer()
				Expect(err).NotTo(HaveOccurred())
				Expect(len(b)).To(BeNumerically("<=", came))
				Expect(c.Stats().Memory.Transit).To(BeNumerically("<=", 2*came))
			}
			Expect(c.Stats().Memory.Transit).To(BeEquivalentTo(1 << 20))
			Expect(c.Stats().Memory.Total).To(Equal(before), "no limit bears it")
			st.Release()
			Expect(c.Stats().Memory.Transit).To(BeZero())
			st.Release()
		})

		It("are nothing once released: no byte is missing, and there is no room for any", func() {
			st, err := c.BeginUpload(key, 1<<20)
			Expect(err).NotTo(HaveOccurred())
			b, err := st.Buffer()
			Expect(err).NotTo(HaveOccurred())
			st.Advance(len(b))
			for range 2 { // the second one changes nothing
				st.Release()
				Expect(st.Missing()).To(BeZero())
				Expect(st.Buffer()).To(BeEmpty())
				Expect(c.Stats().Memory.Transit).To(BeZero())
				Expect(c.Check()).To(Succeed())
			}
		})

		It("push nothing out before they are whole, however many there are", func() {
			c, _ := newCache(cache.WithMaxMemory(4 << 20))
			items := uint64(0)
			for c.Stats().Evicted == 0 {
				_, err := c.Set(c.Now(), fmt.Append(nil, items), make([]byte, 900), 0)
				Expect(err).NotTo(HaveOccurred())
				items++
			}
			before := c.Stats()
			var all []*cache.Upload
			for i := range 80 {
				st, err := c.BeginUpload(fmt.Append(nil, "large ", i), 1<<20)
				Expect(err).NotTo(HaveOccurred())
				for st.Missing() > 1 {
					b, err := st.Buffer()
					Expect(err).NotTo(HaveOccurred())
					st.Advance(min(len(b), st.Missing()-1))
				}
				all = append(all, st)
			}
			Expect(c.Stats().Items).To(Equal(before.Items))
			Expect(c.Stats().Evicted).To(Equal(before.Evicted))
			Expect(c.Check()).To(Succeed())
			all[0].Advance(1)
			_, err := all[0].Set(c.Now(), 0)
			Expect(err).NotTo(HaveOccurred())
			Expect(c.Stats().Items).To(BeNumerically("<", before.Items), "a whole one makes room like any other")
			for _, st := range all {
				st.Release()
			}
			Expect(c.Stats().Memory.Transit).To(BeZero())
			Expect(c.Stats().Memory.Total).To(BeNumerically("<=", 4<<20))
		})

		It("are not stored before their last byte", func() {
			st, err := c.BeginUpload(key, 1<<20)
			Expect(err).NotTo(HaveOccurred())
			defer st.Release()
			_, err = st.Set(c.Now(), 0)
			Expect(err).To(MatchError("value has 0 of 1048576 bytes"))
		})

		It("obey the conditions of Add, Replace and CompareAndSwap", func() {
			v := patterned(20_000)
			st := upload(v, len(v))
			_, err := st.Replace(c.Now(), 0)
			Expect(err).To(MatchError(cache.ErrNotFound))
			_, err = st.CompareAndSwap(c.Now(), 0, 1)
			Expect(err).To(MatchError(cache.ErrNotFound))
			_, err = st.Set(c.Now(), -1)
			Expect(err).To(MatchError(cache.ErrNegativeTTL))
			version, err := st.Add(c.Now(), 0)
			Expect(err).NotTo(HaveOccurred())
			st.Release()

			st = upload(v, len(v))
			_, err = st.Add(c.Now(), 0)
			Expect(err).To(MatchError(cache.ErrExists))
			_, err = st.CompareAndSwap(c.Now(), 0, version+1)
			Expect(err).To(MatchError(cache.ErrExists))
			_, err = st.CompareAndSwap(c.Now(), 0, version)
			Expect(err).NotTo(HaveOccurred())
			st.Release()

			st = upload(v, len(v))
			_, err = st.Replace(c.Now(), 0)
			Expect(err).NotTo(HaveOccurred())
			st.Release()
			Expect(c.Stats().Items).To(BeEquivalentTo(1))
			Expect(c.Stats().Memory.Large).To(BeEquivalentTo(20 << 10))
		})

		It("are refused as a write would be", func() {
			_, err := c.BeginUpload(nil, 10)
			Expect(err).To(MatchError(cache.ErrEmptyKey))
			_, err = c.BeginUpload(key, 2<<20)
			Expect(err).To(MatchError(cache.ErrValueTooLarge))
		})

		It("are refused whole when memory has run out with eviction off, and may be tried again", func() {
			c, _ = newCache(cache.WithMaxMemory(2<<20), cache.WithEviction(cache.EvictNone))
			a, b := upload(patterned(1<<20), 1<<20), upload(patterned(1<<20), 1<<20)
			_, err := a.Set(c.Now(), 0)
			Expect(err).NotTo(HaveOccurred())
			a.Release()
			_, err = b.Add(c.Now(), 0)
			Expect(err).To(MatchError(cache.ErrExists))
			_, err = b.Set(c.Now(), 0)
			Expect(err).To(MatchError(cache.ErrFull))
			Expect(c.Check()).To(Succeed())
			Expect(c.Delete(c.Now(), key)).To(BeTrue())
			_, err = b.Set(c.Now(), 0)
			Expect(err).NotTo(HaveOccurred())
			b.Release()
			Expect(c.Check()).To(Succeed())
		})
	})

	Describe("being read by reference", func() {
		It("stay as they were until released, even if the item is removed or replaced", func() {
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
			Expect(c.Stats().Memory.Large).To(BeZero(), "it is no item any more")
			Expect(c.Stats().Memory.Transit).NotTo(BeZero())
			Expect(bytes.Equal(bytes.Join(ref.AppendTo(nil), nil), want)).To(BeTrue())
			ref.Release()
			Expect(c.Stats().Memory.Transit).To(BeZero())
		})

		It("take nothing from the room of others, though all that is stored is being read", func() {
			c, _ := newCache(cache.WithMaxMemory(8 << 20))
			var refs []cache.Ref
			for i := range 7 {
				large := fmt.Append(nil, "large ", i)
				_, err := c.Set(c.Now(), large, patterned(1<<20), 0)
				Expect(err).NotTo(HaveOccurred())
				_, ref, _, ok := c.GetRef(c.Now(), nil, large)
				Expect(ok).To(BeTrue())
				refs = append(refs, ref)
			}
			for i := range 4_000 {
				_, err := c.Set(c.Now(), fmt.Append(nil, i), make([]byte, 900), 0)
				Expect(err).NotTo(HaveOccurred())
			}
			kept := 0
			for i := range 4_000 {
				if _, _, ok := c.GetAppend(c.Now(), nil, fmt.Append(nil, i)); ok {
					kept++
				}
			}
			Expect(kept).To(BeNumerically(">", 3_500))
			Expect(c.Check()).To(Succeed())
			for _, ref := range refs {
				Expect(bytes.Equal(bytes.Join(ref.AppendTo(nil), nil), patterned(1<<20))).To(BeTrue())
				ref.Release()
			}
			Expect(c.Check()).To(Succeed())
			Expect(c.Stats().Memory.Transit).To(BeZero())
		})

		It("stay items when a GetDeleteRef is not admitted", func() {
			_, err := c.Set(c.Now(), key, patterned(100_000), 0)
			Expect(err).NotTo(HaveOccurred())
			asked := 0
			_, _, err = c.GetDeleteRef(c.Now(), nil, key, func(size int) bool { asked = size; return false })
			Expect(err).To(MatchError(cache.ErrNotAdmitted))
			Expect(asked).To(Equal(100_000))
			Expect(c.Stats().Items).To(BeEquivalentTo(1))
			_, ref, err := c.GetDeleteRef(c.Now(), nil, key, func(int) bool { return true })
			Expect(err).NotTo(HaveOccurred())
			Expect(c.Stats().Items).To(BeZero())
			Expect(c.Stats().Memory.Transit).NotTo(BeZero())
			ref.Release()
			Expect(c.Stats().Memory.Transit).To(BeZero())
			_, _, err = c.GetDeleteRef(c.Now(), nil, key, nil)
			Expect(err).To(MatchError(cache.ErrNotFound))
		})

		It("are distinguished from small ones, which are copied", func() {
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
