package cache

import "time"

// Stats is a snapshot of the cache. Shards are read one after another, so
// totals of a busy cache are not of one instant.
type Stats struct {
	Items     uint64 `json:"items"`      // stored, expired ones not reclaimed yet included
	Bytes     uint64 `json:"bytes"`      // keys and values of those items
	MaxMemory int64  `json:"max_memory"` // the limit, bytes
	Memory    Memory `json:"memory"`

	// Counters since New.
	Hits       uint64 `json:"hits"`        // reads that found an unexpired item
	Misses     uint64 `json:"misses"`      // reads that did not
	Sets       uint64 `json:"sets"`        // items stored, whatever the command
	Refused    uint64 `json:"refused"`     // writes refused with ErrFull
	Deleted    uint64 `json:"deleted"`     // items removed by a command
	Expired    uint64 `json:"expired"`     // items removed because their time was over
	Evicted    uint64 `json:"evicted"`     // unexpired items removed to make room
	MovedBytes uint64 `json:"moved_bytes"` // copied by compaction and eviction

	// TTL counts items by remaining TTL.
	TTL TTLHistogram `json:"ttl"`
}

// Memory is what the cache holds from the operating system, in bytes, by use.
// Total is what the limit bounds: all but what is in transit, which whoever stages
// and reads large values bounds.
type Memory struct {
	Records int64 `json:"records"` // items, live or not yet reclaimed
	Large   int64 `json:"large"`   // items' values that have memory of their own
	Index   int64 `json:"index"`
	Free    int64 `json:"free"`    // kept for the next large values, or on its way back to the operating system
	Transit int64 `json:"transit"` // large values on their way in, or gone and still being read
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
