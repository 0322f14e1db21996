package cache

import (
	"math/bits"
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
	idOf := func(s *shard, k kind) int32 {
		for i := range s.segs {
			if s.segs[i].kind == k {
				return int32(i)
			}
		}
		return none
	}
	segmentOf := func(s *shard, k kind) *segment { return &s.segs[idOf(s, k)] }
	// open returns a bucket with a deadline and an open segment in the admission queue.
	open := func(s *shard) *bucket {
		i := len(s.buckets) - 1
		for s.buckets[i].first == none || s.buckets[i].width == neverWidth || s.buckets[i].open[admission] == none {
			i--
		}
		return &s.buckets[i]
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
		Entry("a directory that is too short", "directory: 1 entries at depth 1", func(s *shard) {
			s.index.depth++
			s.index.dir[0].depth++
			s.index.depths[1], s.index.depths[0] = 1, 0
		}),
		Entry("a table in the place of another", "is not of the table at 0", func(s *shard) {
			other := *s.index.dir[0]
			s.index.dir = []*table{s.index.dir[0], &other}
			s.index.depth++
		}),
		Entry("a table that is counted twice", "1 tables of depth 0 too many", func(s *shard) { s.index.depths[0]++ }),
		Entry("a directory that no table needs", "deeper than any table", func(s *shard) {
			s.index.dir = []*table{s.index.dir[0], s.index.dir[0]}
			s.index.depth++
		}),
		Entry("a word in a table that it is not of", "is of another table", func(s *shard) {
			t := s.index.dir[0]
			for i := firstWord(t); t.word(i)>>(bits.UintSize-1) == 0; i++ {
				t.set(i, 0)
			}
			t.depth++
			s.index.dir = []*table{t, t}
			s.index.depth++
		}),
		Entry("a word that is not found from its home", "has home", func(s *shard) {
			t := s.index.dir[0]
			for i := t.cap() - 1; ; i-- {
				if t.word(i) != 0 {
					t.set(i+2, t.word(i))
					t.set(i, 0)
					return
				}
			}
		}),
		Entry("more words than a table may have", "limit", func(s *shard) { s.index.dir[0].pages = 1 }),
		Entry("a table without an end", "nothing ends a search", func(s *shard) {
			t := s.index.dir[0]
			t.set(t.cap()-1, t.word(firstWord(t)))
		}),
		Entry("a record that runs over", "runs over its segment", func(s *shard) { segmentOf(s, records).used-- }),
		Entry("an item that never ends in a bucket that does", ": expiry ", func(s *shard) {
			for i := range s.buckets {
				s.buckets[i].width = neverWidth
			}
		}),
		Entry("a chain of another size than its value", "the item has 32768", func(s *shard) { segmentOf(s, chained).size-- }),
		Entry("a chain that was given up", "no reference", func(s *shard) { segmentOf(s, chained).refs = 0 }),
		Entry("large pages that no item has", "large pages", func(s *shard) { segmentOf(s, records).large++ }),
		Entry("an empty segment that was not dropped", "is closed and empty", func(s *shard) {
			b, _ := s.bucket(open(s).bucketKey)
			s.segs[s.openSegment(b, protected, &record{key: []byte("k"), chain: none})].open = false
		}),
		Entry("fewer pages than bytes need", "bytes in", func(s *shard) { segmentOf(s, records).pages = 0 }),
		Entry("large values that were not charged", "large values: ", func(s *shard) { s.memory[memLarge]++ }),
		Entry("spare pages of an item", "spare pages", func(s *shard) { segmentOf(s, chained).spare++ }),
		Entry("an item's chain that is in transit", "in transit true, an item has it true", func(s *shard) { segmentOf(s, chained).transit = true }),
		Entry("spare pages that were not charged", "free: ", func(s *shard) { segmentOf(s, chained).spare = 10_000 }),
		Entry("a free segment that is in use", "unused, ", func(s *shard) { s.freeSegs = append(s.freeSegs, make([]int32, 1000)...) }),
		Entry("memory that has no use", "memory: ", func(s *shard) { s.pages.Add(1) }),
		Entry("a warm segment in another's list", "listed with 3", func(s *shard) { s.warm.lists[3] = idOf(s, records) }),
		Entry("warm pages that are in no list", "warm: 0 pages, 1 counted", func(s *shard) { s.warm.pages.Add(1) }),
		Entry("a chain that weighs more than it has", "pages, 9 counted", func(s *shard) { segmentOf(s, chained).weight++ }),
		Entry("a bucket that cannot be found", "is not found by its key", func(s *shard) { open(s).number += 12_345 }),
		Entry("a segment of another bucket", "is not linked into bucket", func(s *shard) { s.segs[open(s).first].bucket-- }),
		Entry("a link that leads nowhere back", "is not linked into bucket", func(s *shard) { s.segs[open(s).first].prev = 7 }),
		Entry("an open segment that its bucket does not know", "open true, the bucket disagrees", func(s *shard) { open(s).open[admission] = none }),
		Entry("a closed segment that its bucket writes to", "open false, the bucket disagrees", func(s *shard) {
			s.segs[open(s).open[admission]].open = false
		}),
		Entry("a segment that writes its expiries otherwise", "does not write as bucket", func(s *shard) {
			b, _ := s.bucket(open(s).bucketKey)
			s.segs[s.openSegment(b, protected, &record{key: []byte("k"), chain: none})].expiryBytes++
		}),
		Entry("a segment that counts its expiries from another time", "does not write as bucket", func(s *shard) { s.segs[open(s).first].start++ }),
		Entry("records that are in no bucket", "hold records", func(s *shard) { s.newSegment(records) }),
		Entry("a segment in the queue of another pool", "is not linked into queue 0", func(s *shard) { s.segs[s.queues[admission].first].pool = protected }),
		Entry("a queue that cannot be walked back", "is not linked into queue 0", func(s *shard) { s.segs[s.queues[admission].first].queuePrev = 7 }),
		Entry("a queue with another end", "queue 0 ends elsewhere", func(s *shard) { s.queues[admission].last = none }),
		Entry("a reserve that was left open", "a grant of 0 pages", func(s *shard) { s.reserve = true }),
		Entry("more memory than allowed", "budget", func(s *shard) { s.budget.used.Add(1 << 20) }),
	)
})
