package cache

import "time"

// Stats is a snapshot of the cache. Shards are read one after another, so
// totals of a busy cache are not of one instant.
type Stats struct {
	// Stored, expired ones not reclaimed yet included.
	Items uint64 `json:"items"`
	// Keys and values of those items.
	Bytes uint64 `json:"bytes"`
	// The limit, bytes.
	MaxMemory int64  `json:"max_memory"`
	Memory    Memory `json:"memory"`

	// Counters since New.
	Hits uint64 `json:"hits"` // reads that found an unexpired item
	// Reads that did not.
	Misses uint64 `json:"misses"`
	// Items stored, whatever the command.
	Sets uint64 `json:"sets"`
	// Writes refused with ErrFull.
	Refused uint64 `json:"refused"`
	// Items removed by a command.
	Deleted uint64 `json:"deleted"`
	// Items removed because their time was over.
	Expired uint64 `json:"expired"`
	// Unexpired items removed to make room.
	Evicted uint64 `json:"evicted"`
	// Copied by compaction and eviction.
	MovedBytes uint64 `json:"moved_bytes"`

	// TTL counts items by remaining TTL.
	TTL TTLHistogram `json:"ttl"`
}

// Memory is what the cache holds from the operating system, in bytes, by use.
// Total is what the limit bounds: all but what is in transit, which whoever stages
// and reads large values bounds.
type Memory struct {
	// Items, live or not yet reclaimed.
	Records int64 `json:"records"`
	// items' values that have memory of their own.
	Large int64 `json:"large"`
	Index int64 `json:"index"`
	// Kept for the next large values, or on its way back to the operating system.
	Free int64 `json:"free"`
	// Large values on their way in, or gone and still being read.
	Transit int64 `json:"transit"`
	Total   int64 `json:"total"`
}

// TTLBounds are the upper bounds of TTLHistogram's buckets, but for the last
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

// addStats adds the shard's share.
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
