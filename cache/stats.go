package cache

import "time"

// Stats is a snapshot of the cache. Shards are read one after another, so
// totals of a busy cache are not of one instant.
type Stats struct {
	// Items is how many are stored, including expired ones that are not reclaimed yet.
	Items uint64 `json:"items"`
	// Bytes is the size of those items' keys and values.
	Bytes uint64 `json:"bytes"`
	// MaxMemory is the limit, in bytes.
	MaxMemory int64  `json:"max_memory"`
	Memory    Memory `json:"memory"`

	// Hits counts, like the counters below, from New on: reads that found an unexpired
	// item.
	Hits uint64 `json:"hits"`
	// Misses counts reads that did not find one.
	Misses uint64 `json:"misses"`
	// Sets counts items stored, by any operation.
	Sets uint64 `json:"sets"`
	// Refused counts writes refused with ErrFull.
	Refused uint64 `json:"refused"`
	// Deleted counts items removed by Delete, GetDelete, GetDeleteRef or Flush.
	Deleted uint64 `json:"deleted"`
	// Expired counts items removed because their time to live was over.
	Expired uint64 `json:"expired"`
	// Evicted counts unexpired items removed to make room.
	Evicted uint64 `json:"evicted"`
	// MovedBytes is how much compaction and eviction have copied.
	MovedBytes uint64 `json:"moved_bytes"`

	// TTL counts items by remaining TTL.
	TTL TTLHistogram `json:"ttl"`
}

// Memory is what the cache holds from the operating system, in bytes, by use.
type Memory struct {
	// Records is the memory of items, live or not yet reclaimed.
	Records int64 `json:"records"`
	// Large is that of values of LargeValueSize and more.
	Large int64 `json:"large"`
	Index int64 `json:"index"`
	// Free is kept for the next large values, or being given back to the operating
	// system.
	Free int64 `json:"free"`
	// Transit is that of large values being uploaded, or removed and still being read.
	Transit int64 `json:"transit"`
	// Total is what the limit bounds: everything except Transit, which those who upload
	// and read large values have to bound.
	Total int64 `json:"total"`
}

// TTLBounds are the upper bounds of TTLHistogram's buckets, except the last
// two, which count longer times and items that never expire.
var TTLBounds = [...]time.Duration{
	0, time.Second, 10 * time.Second, time.Minute, 10 * time.Minute,
	time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
}

// TTLHistogram counts items by remaining time to live. Bucket i counts those
// with at most TTLBounds[i] left and more than TTLBounds[i-1]; then come those
// with more than the last bound, then those without expiry. An item is counted
// by an upper estimate of its expiry, so it may sit one bucket too high.
type TTLHistogram [len(TTLBounds) + 2]uint64

// add counts n items that expire at the given cache time, 0 for never.
func (h *TTLHistogram) add(now, expiry int64, n uint64) {
	if expiry == 0 {
		h[len(h)-1] += n
		return
	}
	i := 0
	for i < len(TTLBounds) && time.Duration(expiry-now) > TTLBounds[i] {
		i++
	}
	h[i] += n
}

// addStats adds the shard's numbers to st.
func (s *shard) addStats(now int64, st *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Items += uint64(s.index.n)
	st.Bytes += uint64(s.bytes)
	st.Hits += s.count.hits
	st.Misses += s.count.misses
	st.Sets += s.count.sets
	st.Refused += s.count.refused
	st.Deleted += s.count.deleted
	st.Expired += s.count.expired
	st.Evicted += s.count.evicted
	st.MovedBytes += s.count.moved
	st.Memory.Records += int64(s.memory[memRecords]) * pageSize
	st.Memory.Large += int64(s.memory[memLarge]) * pageSize
	st.Memory.Index += int64(s.memory[memIndex])*pageSize + int64(len(s.ghost.tags))*ghostEntry
	st.Memory.Free += int64(s.memory[memFree]) * pageSize
	st.Memory.Transit += int64(s.memory[memTransit]) * pageSize
	for i := range s.buckets {
		switch b := &s.buckets[i]; {
		case b.items == 0:
		case b.width == neverWidth:
			st.TTL.add(now, 0, uint64(b.items))
		default:
			st.TTL.add(now, b.end(), uint64(b.items))
		}
	}
}
