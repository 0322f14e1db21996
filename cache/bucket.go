package cache

import (
	"math"
	"math/bits"
)

// Items whose deadlines are close share segments, so that whole segments can be
// given back at once. A deadline bucket is a span of 1<<width nanoseconds. The width
// follows the time to live, so that a bucket ends at most an eighth of it after
// its first deadline.

const (
	// bucketsPerTTL is log2 of how many buckets a time to live spans.
	bucketsPerTTL = 3
	// minWidth keeps buckets at a quarter of a second and more: shorter ones
	// would hold less than a page each.
	minWidth = 28
	// renewals is log2 of how many widths beyond its bucket an item whose
	// deadline is moved may stay in place, at least.
	renewals = 2
	// neverWidth is the width of the bucket of items without a deadline.
	neverWidth = 63
	// bucketSlots is how many bucket numbers of one width have slots of their own;
	// a time to live spans at most 16.
	bucketSlots = 32
)

// bucketKey identifies a bucket, the one of deadlines with expiry>>width == number.
type bucketKey struct {
	width  uint8
	number int64
}

// widthFor returns the width of buckets for a time to live.
func widthFor(ttl int64) uint8 {
	return uint8(max(bits.Len64(uint64(ttl))-1-bucketsPerTTL, minWidth))
}

// bucketFor returns the bucket of an item written at now.
func bucketFor(now, expiry int64) bucketKey {
	if expiry == 0 {
		return bucketKey{width: neverWidth}
	}
	w := widthFor(expiry - now)
	return bucketKey{width: w, number: expiry >> w}
}

// later returns the bucket of the same width for another deadline.
func (k bucketKey) later(expiry int64) bucketKey {
	return bucketKey{width: k.width, number: expiry >> k.width}
}

// end is the cache time at which everything in the bucket has expired.
func (k bucketKey) end() int64 {
	if k.width == neverWidth || k.number+1 > math.MaxInt64>>k.width {
		return math.MaxInt64
	}
	return (k.number + 1) << k.width
}

type bucket struct {
	bucketKey
	// first is the first of its segments.
	first int32
	// open is the segment of each pool that takes records.
	open  [pools]int32
	items int
	// next is the next bucket in the same slot.
	next int32
}

func (b *bucket) frame() frame {
	if b.width == neverWidth {
		return frame{}
	}
	return frame{start: b.number << b.width, expiryBytes: uint8((b.width + renewals + 7) / 8)}
}

func (s *shard) slot(key bucketKey) *int32 {
	return &s.slots[key.width][key.number&(bucketSlots-1)]
}

// bucket returns the bucket of that key, if there is one.
func (s *shard) bucket(key bucketKey) (int32, bool) {
	for b := *s.slot(key) - 1; b != none; b = s.buckets[b].next {
		if s.buckets[b].number == key.number {
			return b, true
		}
	}
	return none, false
}

func (s *shard) newBucket(key bucketKey) (b int32) {
	if n := len(s.freeBuckets); n > 0 {
		b = s.freeBuckets[n-1]
		s.freeBuckets = s.freeBuckets[:n-1]
	} else {
		b = int32(len(s.buckets))
		s.buckets = append(s.buckets, bucket{})
	}
	slot := s.slot(key)
	s.buckets[b] = bucket{bucketKey: key, first: none, open: [pools]int32{none, none}, next: *slot - 1}
	*slot = b + 1
	s.next = min(s.next, key.end())
	return b
}

// dropBucket removes a bucket without segments.
func (s *shard) dropBucket(b int32) {
	dead := &s.buckets[b]
	if slot := s.slot(dead.bucketKey); *slot-1 == b {
		*slot = dead.next + 1
	} else {
		p := *slot - 1
		for s.buckets[p].next != b {
			p = s.buckets[p].next
		}
		s.buckets[p].next = dead.next
	}
	ended := dead.end()
	*dead = bucket{first: none}
	s.freeBuckets = append(s.freeBuckets, b)
	if ended == s.next {
		s.next = math.MaxInt64
		for i := range s.buckets {
			if s.buckets[i].first != none {
				s.next = min(s.next, s.buckets[i].end())
			}
		}
	}
}

// joinBucket puts a segment into a bucket.
func (s *shard) joinBucket(b, id int32) {
	seg := &s.segs[id]
	seg.bucket, seg.next, seg.prev = b, s.buckets[b].first, none
	if seg.next != none {
		s.segs[seg.next].prev = id
	}
	s.buckets[b].first = id
}

// leaveBucket takes a segment out of its bucket, and drops the bucket with its last one.
func (s *shard) leaveBucket(id int32) {
	seg := &s.segs[id]
	if seg.next != none {
		s.segs[seg.next].prev = seg.prev
	}
	if seg.prev != none {
		s.segs[seg.prev].next = seg.next
		return
	}
	s.buckets[seg.bucket].first = seg.next
	if seg.next == none {
		s.dropBucket(seg.bucket)
	}
}

// due returns a bucket that ended at or before now.
func (s *shard) due(now int64) (int32, bool) {
	if s.next > now {
		return none, false
	}
	for i := range s.buckets {
		if b := &s.buckets[i]; b.first != none && b.end() <= now {
			return int32(i), true
		}
	}
	return none, false
}
