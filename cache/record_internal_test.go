package cache

import (
	"encoding/binary"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A record", func() {
	const base, start = 1_000_000, 5_000_000
	segmentOf := func(versionBytes uint8) *frame {
		return &frame{base: base, versionBytes: versionBytes, start: start, expiryBytes: 5, keyLength: 3, length: 10}
	}
	item := func(version uint64, key string, length int) *record {
		return &record{key: []byte(key), value: make([]byte, length), length: length, version: version, expiry: start + 1<<39, chain: none}
	}
	// written writes the record and returns how much it takes beside key and value,
	// having read it again.
	written := func(f *frame, r *record) (header int) {
		GinkgoHelper()
		b := make([]byte, 1<<10)
		f.put(b, r)
		var got record
		f.parse(b, &got)
		want := *r
		want.size = f.sizeOf(r)
		Expect(got).To(Equal(want))
		return want.size - len(r.key) - len(r.value)
	}

	DescribeTable("takes as few bytes as its segment allows:",
		func(header int, versionBytes uint8, version uint64, key string, length int) {
			Expect(written(segmentOf(versionBytes), item(version, key, length))).To(Equal(header))
		},
		Entry("the segment's lengths", 8, uint8(3), uint64(base), "key", 10),
		Entry("another length", 10, uint8(3), uint64(base), "key", 11),
		Entry("another length of two bytes", 11, uint8(3), uint64(base), "key", 128),
		Entry("another key's length", 10, uint8(3), uint64(base), "other", 10),
		Entry("a long key's length", 11, uint8(3), uint64(base), string(make([]byte, 64)), 10),
		Entry("the last version of the short form", 8, uint8(3), uint64(base+1<<22-1), "key", 10),
		Entry("the first one beyond it", 14, uint8(3), uint64(base+1<<22), "key", 10),
		Entry("one before the segment's base", 14, uint8(3), uint64(base-1), "key", 10),
		Entry("a full version and lengths", 16, uint8(3), uint64(1<<63), "key", 11),
		Entry("a version among those of many items", 9, uint8(4), uint64(base+1<<30-1), "key", 10),
		Entry("the first one beyond those", 14, uint8(4), uint64(base+1<<30), "key", 10),
	)

	It("of an account names it", func() {
		f, r := segmentOf(fewItemsVersion), item(base, "key", 10)
		f.accounts, r.account = true, 40_000
		Expect(written(f, r)).To(Equal(10))
	})

	It("of a large value says where that is", func() {
		f, r := segmentOf(fewItemsVersion), item(base, "key", 0)
		r.value, r.length, r.chain = nil, 1<<20, 77
		Expect(written(f, r)).To(Equal(3 + 5 + 1 + 3 + chainSize))
	})

	It("takes its new version and expiry in place", func() {
		f, r := segmentOf(fewItemsVersion), item(base, "key", 10)
		b := make([]byte, 1<<10)
		f.put(b, r)
		r.version, r.expiry = base+1<<22-1, start+1
		f.putState(b, r)
		var got record
		f.parse(b, &got)
		Expect(got.version).To(Equal(r.version))
		Expect(got.expiry).To(Equal(r.expiry))
		Expect(got.key).To(Equal(r.key))
	})

	Describe("in a shard", func() {
		var (
			c *Cache
			s *shard
		)
		BeforeEach(func() {
			var err error
			c, err = New(clock.NewMock(), WithMaxMemory(64<<20), WithShards(1))
			Expect(err).NotTo(HaveOccurred())
			s = c.shards[0]
		})
		set := func(key, value string) (version uint64) {
			GinkgoHelper()
			version, err := c.Set(1, []byte(key), []byte(value), time.Hour)
			Expect(err).NotTo(HaveOccurred())
			return version
		}
		expect := func(key, value string, version uint64) {
			GinkgoHelper()
			got, info, found := c.GetAppend(1, nil, []byte(key))
			Expect(found).To(BeTrue())
			Expect(string(got)).To(Equal(value))
			Expect(info.Version).To(Equal(version))
		}

		It("keeps its version, however many others the shard has given out since", func() {
			old := set("old", "value")
			for range 3 {
				s.version += 1 << 21
				changed := set("changed", "value")
				expect("changed", "value", changed)
				expect("old", "value", old)
			}
			s.version += 1 << 40
			changed := set("changed", "other")
			expect("changed", "other", changed)
			expect("old", "value", old)
			Expect(c.Check()).To(Succeed())
		})

		It("is overwritten in its place, however many versions the shard has given to others since", func() {
			key := []byte("key")
			var e entry
			place := func() position {
				GinkgoHelper()
				Expect(s.find(c.hash.sum(key), key, &e)).To(BeTrue())
				return e.pos
			}
			last := set("key", "value")
			at := place()
			for range 3 {
				s.version += 1 << 30
				changed := set("key", "other")
				Expect(changed).To(BeNumerically(">", last))
				expect("key", "other", changed)
				Expect(place()).To(Equal(at))
				last = changed
			}
			Expect(c.Delete(1, key)).To(BeTrue())
			Expect(set("key", "again")).To(BeNumerically(">", last))
		})

		It("moves when it has had all the versions of the short form", func() {
			set("key", "value")
			var e entry
			Expect(s.find(c.hash.sum([]byte("key")), []byte("key"), &e)).To(BeTrue())
			seg, at := &s.segs[e.pos.segment()], e.pos
			last := seg.base + seg.versions() - 1
			e.version, s.version = last, last
			seg.putState(s.space.unit(at.segment())[at.offset():], &e.record)
			expect("key", "value", last)
			changed := set("key", "other")
			Expect(changed).To(BeNumerically(">", last))
			Expect(s.find(c.hash.sum([]byte("key")), []byte("key"), &e)).To(BeTrue())
			Expect(e.pos).NotTo(Equal(at))
			expect("key", "other", changed)
			Expect(c.Check()).To(Succeed())
		})

		It("takes a byte more for its version where many items make many changes", func() {
			key := make([]byte, 8)
			open := func() *segment {
				b, ok := s.bucket(bucketFor(1, 0))
				Expect(ok).To(BeTrue())
				return &s.segs[s.buckets[b].open[admission]]
			}
			for i := range manyItems {
				binary.BigEndian.PutUint64(key, uint64(i))
				if _, err := c.Set(1, key, []byte("value"), 0); err != nil {
					Expect(err).NotTo(HaveOccurred())
				}
			}
			Expect(open().versionBytes).To(BeEquivalentTo(fewItemsVersion))
			s.closeSegment(s.buckets[0].open[admission])
			Expect(c.Set(1, []byte("one more"), []byte("value"), 0)).Error().NotTo(HaveOccurred())
			Expect(open().versionBytes).To(BeEquivalentTo(manyItemsVersion))
			Expect(c.Check()).To(Succeed())
		})
	})
})
