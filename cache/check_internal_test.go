package cache

import (
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("Check", func() {
	// fill returns a store with items of every kind, and its one shard.
	fill := func() (*Cache, *shard) {
		GinkgoHelper()
		c, err := New(clock.NewMock(), WithMaxMemory(16<<20), WithShards(1), WithAccounts())
		Expect(err).NotTo(HaveOccurred())
		alice, err := c.Account("alice")
		Expect(err).NotTo(HaveOccurred())
		for i := range 500 {
			key := []byte{byte(i), byte(i >> 8), 'k'}
			_, err := alice.Cache().Set(1, key, make([]byte, []int{10, 1000, LargeValueSize}[i%3]), time.Duration(i%7)*time.Minute)
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(c.Check()).To(Succeed())
		return c, c.shards[0]
	}
	firstWord := func(t *table) (i int) {
		for t.word(i) == 0 {
			i++
		}
		return i
	}
	segmentOf := func(s *shard, k kind) *segment {
		for i := range s.segs {
			if s.segs[i].kind == k {
				return &s.segs[i]
			}
		}
		return nil
	}

	DescribeTable("names what is broken:", func(text string, damage func(s *shard)) {
		c, s := fill()
		damage(s)
		Expect(c.Check()).To(MatchError(ContainSubstring(text)))
	},
		Entry("an item more than there are", "501 counted", func(s *shard) { s.index.n++ }),
		Entry("bytes that no item has", "bytes,", func(s *shard) { s.bytes++ }),
		Entry("squares of costs that no item has", "squares:", func(s *shard) { s.squares++ }),
		Entry("a word that is lost", "counted", func(s *shard) { t := s.index.dir[0]; t.set(firstWord(t), 0) }),
		Entry("a word out of order", "out of order", func(s *shard) {
			t := s.index.dir[0]
			i := firstWord(t)
			t.set(i, newWord(tagMask, 0, t.word(i).position()))
		}),
		Entry("a word that names nothing", "names no record", func(s *shard) {
			t := s.index.dir[0]
			i := firstWord(t)
			t.set(i, t.word(i)|positionMask)
		}),
		Entry("a word that names another's record", "another tag", func(s *shard) {
			t := s.index.dir[0]
			i := firstWord(t)
			j := i + 1
			for t.word(j) == 0 {
				j++
			}
			t.set(i, newWord(t.word(i).tag(), 0, t.word(j).position()))
		}),
		Entry("a version from the future", "latest", func(s *shard) { s.version -= 5 }),
		Entry("more live bytes than there are", "live bytes", func(s *shard) { segmentOf(s, records).live++ }),
		Entry("pages that were not charged", "charged", func(s *shard) { segmentOf(s, records).pages++ }),
		Entry("values in transit that were not counted", "in transit: 2 pages, 1 counted", func(s *shard) {
			at := s.newSegment(chained)
			s.segs[at].transit, s.segs[at].refs, s.segs[at].weight = true, 1, 2
			s.memory[memTransit] = 1
		}),
		Entry("an index larger than it is", "index: ", func(s *shard) { s.memory[memIndex]++ }),
		Entry("a chain shorter than its value", "segments for", func(s *shard) { segmentOf(s, chained).size = 3 * segmentSize }),
		Entry("a bucket's count", "items, ", func(s *shard) {
			for i := range s.buckets {
				s.buckets[i].items++
			}
		}),
		Entry("a deadline that would be missed", "next deadline", func(s *shard) { s.next++ }),
		Entry("a queue's weight", "queue 0", func(s *shard) { s.weight[admission]++ }),
		Entry("a grant that was kept", "grant of 3 pages", func(s *shard) { s.grant = 3 }),
		Entry("an account that pays for nothing", "account alice", func(s *shard) { s.accountTable.of(1).charge(1) }),
		Entry("an item of an account that does not exist", "account 1 of 0", func(s *shard) { s.accountTable.entries.Store(&[]*accountEntry{nil}) }),
		Entry("more memory than allowed", "budget", func(s *shard) { s.budget.used.Add(1 << 20) }),
	)
})
