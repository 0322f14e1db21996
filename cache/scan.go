package cache

import "time"

// scanItemCost is what reaching an item counts against a scan's budget, in
// bytes, beside its key and value.
const scanItemCost = 512

// Scan walks the store in small steps, for a copy of it that does not stop the
// world. Each call visits unexpired items, at least one if any is left, until
// their keys and values use up about budget bytes, an item counting at least
// 512; it returns the cursor of the next call. The walk begins with cursor 0
// and is over when Scan returns 0.
//
// An item that nobody changes from the first call to the last is visited
// exactly once. One that is stored, changed or removed in between may be
// visited or not, and twice if it was stored anew.
//
// visit runs under a lock that requests wait for: it must copy what it needs,
// return soon and not call the cache. Key and value are valid until it returns.
// Visiting counts neither as a hit nor as use.
func (c *Cache) Scan(now int64, cursor uint64, budget int, visit func(key, value []byte, info Info)) (next uint64) {
	budget = max(budget, 1)
	for ; cursor < uint64(len(c.shards)); cursor++ {
		if budget <= 0 {
			return cursor
		}
		budget -= c.shards[cursor].scan(now, visit)
	}
	return 0
}

func (s *shard) scan(now int64, visit func(key, value []byte, info Info)) (used int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, it := range s.items {
		if !it.live(now) {
			continue
		}
		info := Info{Version: it.version}
		if it.expiry != 0 {
			info.TTL = time.Duration(it.expiry - now)
		}
		visit([]byte(k), it.value, info)
		used += scanItemCost + len(k) + len(it.value)
	}
	return used
}
