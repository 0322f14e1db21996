package script

import (
	"container/list"
	"sync"
)

// A cache keeps the scripts used last, within a count and a size.
type cache struct {
	count int
	bytes int64

	// Guards what follows.
	mu      sync.Mutex
	scripts map[string]*list.Element
	// recent of *Script, the one used last in front.
	recent *list.List
	size   int64
}

func newCache(count int, bytes int64) *cache {
	return &cache{count: count, bytes: bytes, scripts: map[string]*list.Element{}, recent: list.New()}
}

func (c *cache) get(sha string) (*Script, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.scripts[sha]
	if !ok {
		return nil, false
	}
	c.recent.MoveToFront(e)
	return e.Value.(*Script), true
}

func (c *cache) add(s *Script) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.scripts[s.sha]; ok {
		return
	}
	c.scripts[s.sha] = c.recent.PushFront(s)
	c.size += s.size
	for c.recent.Len() > c.count || c.size > c.bytes && c.recent.Len() > 1 {
		oldest := c.recent.Remove(c.recent.Back()).(*Script)
		delete(c.scripts, oldest.sha)
		c.size -= oldest.size
	}
}

func (c *cache) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.scripts)
	c.recent.Init()
	c.size = 0
}
