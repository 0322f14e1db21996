package cache

import "errors"

// maxTries bounds how often a write makes room: others may take what it made.
const maxTries = 16

// retry makes room for as long as attempt fails with errNoSpace. The caller has
// seen it fail once, for need pages. attempt runs under the shard's lock.
func (c *Cache) retry(now int64, s *shard, need int, attempt func() error) error {
	want := 0
	for range maxTries {
		// An attempt may need several times; the grants add up.
		want += need
		if !c.makeRoom(now, want) {
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

// makeRoom takes so many pages of the budget for the caller, reclaiming
// segments until they are there. It fails when nothing is left to reclaim.
func (c *Cache) makeRoom(now int64, need int) bool {
	if int64(need) > c.budget.max-c.budget.reserved {
		return false
	}
	c.reclaimMu.Lock()
	defer c.reclaimMu.Unlock()
	for !c.budget.reserve(need, false) {
		if !c.reclaimOne(now) {
			return c.budget.reserve(need, false)
		}
	}
	return true
}

// reclaimOne reclaims a segment, from the fullest shard that has one to give.
// The caller holds reclaimMu.
func (c *Cache) reclaimOne(now int64) bool {
	tried := make([]bool, len(c.shards))
	for range c.shards {
		fullest := none
		for i, s := range c.shards {
			if !tried[i] && (fullest == none || s.pages.Load() > c.shards[fullest].pages.Load()) {
				fullest = i
			}
		}
		tried[fullest] = true
		if s := c.shards[fullest]; c.reclaimFrom(now, s) {
			return true
		}
	}
	return false
}

// reclaimFrom runs one victim of the shard to its end, letting go of the lock
// between steps, and reports whether it could. The caller holds reclaimMu, and so
// the reserve.
func (c *Cache) reclaimFrom(now int64, s *shard) bool {
	s.mu.Lock()
	if len(s.warm) > 0 {
		s.cool()
		s.unlock()
		return true
	}
	if s.victim.seg == none && !s.chooseForRoom(now) {
		s.mu.Unlock()
		return false
	}
	id, ok := s.victim.seg, true
	for ok && id != none && s.victim.seg == id {
		s.reserve = true
		_, ok = s.reclaim(now, stepBatch)
		s.reserve = false
		s.unlock()
		s.mu.Lock()
	}
	if !ok {
		s.victim.seg = none // it stays as it is: a segment that is partly dead
	}
	s.unlock()
	return ok
}

// chooseForRoom picks what gives memory back: what is due, then what is mostly
// dead, then, if the policy allows, what is used least.
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
