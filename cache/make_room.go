package cache

import "errors"

// maxTries bounds how often a write makes room: other writes may take the room first.
const maxTries = 16

// retry makes room for as long as attempt fails with errNoSpace. The caller has
// seen it fail once, for need pages. attempt runs under the shard's lock.
func (c *Cache) retry(now int64, s *shard, need int, attempt func() error) error {
	want := 0
	for range maxTries {
		// An attempt may need room more than once, so what it is granted adds up.
		want += need
		if !c.makeRoom(now, s, want) {
			break
		}
		s.mu.Lock()
		s.grant += want
		err := attempt()
		need = s.need
		s.budget.put(s.grant)
		s.grant = 0
		s.unlock()
		if !errors.Is(err, errNoSpace) {
			return err
		}
	}
	s.mu.Lock()
	s.count.refused++
	s.mu.Unlock()
	return ErrFull
}

// makeRoom takes so many pages of the budget for a write to the shard, reclaiming
// memory until they are there. It fails when nothing is left to reclaim.
func (c *Cache) makeRoom(now int64, s *shard, need int) bool {
	if int64(need) > c.budget.max-c.budget.reserved {
		return false
	}
	c.reclaimMu.Lock()
	defer c.reclaimMu.Unlock()
	for !c.budget.reserve(need, false) {
		if !c.coolOne(need, true) && !c.reclaimOne(now, s, need) && !c.coolOne(need, false) {
			return c.budget.reserve(need, false)
		}
	}
	return true
}

// coolOne gives back n warm pages of one shard. If full, only a shard with more warm
// pages than it may have in a full cache gives any.
func (c *Cache) coolOne(n int, full bool) bool {
	if c.budget.warm.Load() == 0 {
		return false
	}
	for _, s := range c.shards {
		keep := 0
		if full {
			keep = s.warm.full
		}
		if int(s.warm.pages.Load()) <= keep {
			continue
		}
		s.mu.Lock()
		s.cool(n, keep)
		if s.unlock() > 0 {
			return true
		}
	}
	return false
}

// reclaimOne reclaims a segment, or as much as is needed of one with large values.
// It takes it from the shard being written if that has its share of the memory and the
// write is large, so that the next write there finds warm pages; else from the
// fullest shard that has something to give. The caller holds reclaimMu.
func (c *Cache) reclaimOne(now int64, s *shard, need int) bool {
	large := need >= LargeValueSize/pageSize
	if large && s.pages.Load() >= c.budget.max/int64(len(c.shards)) && c.reclaimFrom(now, s, need) {
		return true
	}
	clear(c.tried)
	for range c.shards {
		fullest := none
		for i, s := range c.shards {
			if !c.tried[i] && (fullest == none || s.pages.Load() > c.shards[fullest].pages.Load()) {
				fullest = i
			}
		}
		c.tried[fullest] = true
		if c.reclaimFrom(now, c.shards[fullest], need) {
			return true
		}
	}
	return false
}

// reclaimFrom reclaims one victim of the shard, releasing the lock between steps, and
// reports whether it could. It stops early at a segment with large values once the
// budget has the room that is needed. The caller holds reclaimMu, and so may use the
// reserve.
func (c *Cache) reclaimFrom(now int64, s *shard, need int) bool {
	s.mu.Lock()
	if s.victim.seg == none && !s.chooseForRoom(now) {
		s.mu.Unlock()
		return false
	}
	id, ok := s.victim.seg, true
	for ok && id != none && s.victim.seg == id {
		steps := stepBatch
		if s.segs[id].large > 0 {
			steps = 1
		}
		s.reserve = true
		s.warm.fill(need)
		_, ok = s.reclaim(now, steps)
		s.reserve = false
		s.unlock()
		if steps == 1 && c.budget.fits(need) {
			return true
		}
		s.mu.Lock()
	}
	if !ok {
		// The rest stays, as a segment that is partly dead.
		s.victim.seg = none
	}
	s.unlock()
	return ok
}

// chooseForRoom picks the segment to reclaim: one that is due, else one that is mostly
// dead, else, if the policy allows, the least used.
func (s *shard) chooseForRoom(now int64) bool {
	if b, ok := s.due(now); ok {
		s.choose(s.buckets[b].first, expiring)
		return true
	}
	if s.eviction == EvictNone || s.dead*deadShare > s.used {
		s.search = search{cursor: s.search.cursor}
		if id, ok := s.search.step(s.segs, searchRange+1); ok {
			s.choose(id, compacting)
			return true
		}
		if s.eviction == EvictNone {
			return false
		}
	}
	id, ok := s.evictable()
	if ok {
		s.choose(id, evicting)
	}
	return ok
}
