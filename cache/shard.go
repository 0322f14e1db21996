package cache

import (
	"bytes"
	"container/heap"
	"sync"
	"time"
)

// itemOverhead estimates what an item costs beyond its key and value, in
// bytes.
const itemOverhead = 128

type item struct {
	value   []byte
	expiry  int64
	version uint64
}

type deadline struct {
	at  int64
	key string
}

type deadlines []deadline

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].at < d[j].at }
func (d deadlines) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *deadlines) Push(x any)        { *d = append(*d, x.(deadline)) }
func (d *deadlines) Pop() any {
	old := *d
	x := old[len(old)-1]
	*d = old[:len(old)-1]
	return x
}

// shard is one independently locked part of the cache.
type shard struct {
	mu       sync.Mutex // guards everything below
	max      int64
	eviction Eviction
	items    map[string]item
	queue    deadlines // one entry per change of expiry, stale ones included
	version  uint64
	bytes    int64
	stats    Stats
}

func newShard(o *options) *shard {
	return &shard{max: o.maxMemory / int64(o.shards), eviction: o.eviction, items: make(map[string]item)}
}

func cost(key, value int) int64 { return int64(key+value) + itemOverhead }

func (it item) live(now int64) bool { return it.expiry == 0 || now < it.expiry }

func (s *shard) drop(key string, it item) {
	s.bytes -= cost(len(key), len(it.value))
	delete(s.items, key)
}

func (s *shard) write(now int64, _ uint64, key, value []byte, expiry int64, cond condition, version uint64) (uint64, error) {
	old, there := s.items[string(key)]
	found := there && old.live(now)
	switch {
	case cond == ifAbsent && found:
		return 0, ErrExists
	case (cond == ifPresent || cond == ifVersion) && !found:
		return 0, ErrNotFound
	case cond == ifVersion && old.version != version:
		return 0, ErrExists
	}
	need := cost(len(key), len(value))
	if there {
		need -= cost(len(key), len(old.value))
	}
	if !s.room(now, need, key) {
		s.stats.Refused++
		return 0, ErrFull
	}
	s.bytes += need
	s.version++
	s.stats.Sets++
	s.items[string(key)] = item{bytes.Clone(value), expiry, s.version}
	if expiry != 0 {
		heap.Push(&s.queue, deadline{expiry, string(key)})
	}
	return s.version, nil
}

// room makes need bytes fit, sparing the item under key.
func (s *shard) room(now, need int64, key []byte) bool {
	if s.bytes+need <= s.max {
		return true
	}
	s.expire(now, len(s.queue))
	if s.eviction == EvictNone {
		return s.bytes+need <= s.max
	}
	for k, it := range s.items {
		if s.bytes+need <= s.max {
			return true
		}
		if k != string(key) {
			s.drop(k, it)
			s.stats.Evicted++
		}
	}
	return s.bytes+need <= s.max
}

func (s *shard) touch(now int64, _ uint64, key []byte, expiry int64) (uint64, error) {
	it, ok := s.items[string(key)]
	if !ok || !it.live(now) {
		return 0, ErrNotFound
	}
	s.version++
	it.expiry, it.version = expiry, s.version
	s.items[string(key)] = it
	if expiry != 0 {
		heap.Push(&s.queue, deadline{expiry, string(key)})
	}
	return s.version, nil
}

func (s *shard) get(now int64, _ uint64, dst, key []byte) ([]byte, Info, bool) {
	it, ok := s.items[string(key)]
	if !ok || !it.live(now) {
		s.stats.Misses++
		return dst, Info{}, false
	}
	s.stats.Hits++
	info := Info{Version: it.version}
	if it.expiry != 0 {
		info.TTL = time.Duration(it.expiry - now)
	}
	return append(dst, it.value...), info, true
}

func (s *shard) remove(now int64, _ uint64, key []byte) bool {
	it, ok := s.items[string(key)]
	if !ok {
		return false
	}
	s.drop(string(key), it)
	if !it.live(now) {
		s.stats.Expired++
		return false
	}
	s.stats.Deleted++
	return true
}

func (s *shard) flush(now int64, prefix []byte) (removed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, it := range s.items {
		if len(k) >= len(prefix) && k[:len(prefix)] == string(prefix) {
			s.drop(k, it)
			if it.live(now) {
				removed++
			}
		}
	}
	s.stats.Deleted += removed
	return removed
}

// expire removes what is due, looking at up to budget queue entries, and
// returns how many it looked at and the next deadline, 0 for none.
func (s *shard) expire(now int64, budget int) (used int, next int64) {
	for len(s.queue) > 0 {
		d := s.queue[0]
		if d.at > now || used >= budget {
			return used, d.at
		}
		heap.Pop(&s.queue)
		used++
		if it, ok := s.items[d.key]; ok && !it.live(now) {
			s.drop(d.key, it)
			s.stats.Expired++
		}
	}
	return used, 0
}

func (s *shard) addStats(now int64, st *Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Items += uint64(len(s.items))
	for k, it := range s.items {
		st.Bytes += uint64(len(k) + len(it.value))
		st.TTL.add(now, it.expiry, 1)
	}
	st.Memory.Records += s.bytes
	st.Memory.Total += s.bytes
	st.Hits += s.stats.Hits
	st.Misses += s.stats.Misses
	st.Sets += s.stats.Sets
	st.Refused += s.stats.Refused
	st.Deleted += s.stats.Deleted
	st.Expired += s.stats.Expired
	st.Evicted += s.stats.Evicted
}
