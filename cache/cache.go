package cache

import (
	"fmt"
	"math"
	"time"

	"github.com/benbjohnson/clock"
)

// Cache is a bounded map of keys to values with a time to live. It is safe for
// any number of goroutines.
//
// Cache time is nanoseconds since New on the injected clock, always positive.
// Every operation takes it as now; pass Now(), read once for a batch of
// operations. Keys and values passed in are copied and may be reused at once.
type Cache struct {
	options
	clk    clock.Clock
	start  time.Time
	hash   hasher
	shift  uint // the shard is the hash's bits above it
	shards []*shard
	jan    janitor
}

// Info describes an item.
type Info struct {
	Version uint64        // changes with every change of the item
	TTL     time.Duration // what is left; 0 means the item never expires
}

// New returns an empty cache. Its janitor does not run until Start.
func New(clk clock.Clock, opts ...Option) (*Cache, error) {
	o := options{maxMemory: DefaultMaxMemory(), maxValueSize: DefaultMaxValueSize, shards: DefaultShards}
	for _, opt := range opts {
		opt(&o)
	}
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	c := &Cache{options: o, clk: clk, start: clk.Now(), hash: newHasher(o.hashKey)}
	c.shift = 64
	for n := o.shards; n > 1; n >>= 1 {
		c.shift--
	}
	for range o.shards {
		c.shards = append(c.shards, newShard(&c.options))
	}
	c.jan.poke = make(chan struct{}, 1)
	c.jan.wake.Store(math.MaxInt64)
	return c, nil
}

// Now returns the cache time: nanoseconds since New, plus one.
func (c *Cache) Now() int64 { return max(int64(c.clk.Since(c.start))+1, 1) }

// expiry returns the cache time at which an item stored now ends, 0 for never.
// A time to live that would overflow means never.
func expiry(now int64, ttl time.Duration) int64 {
	if ttl == 0 || int64(ttl) > math.MaxInt64-now {
		return 0
	}
	return now + int64(ttl)
}

func (c *Cache) checkWrite(key []byte, size int, ttl time.Duration) error {
	switch {
	case len(key) == 0:
		return ErrEmptyKey
	case len(key) > MaxKeySize:
		return fmt.Errorf("%w: %d bytes, limit %d", ErrKeyTooLarge, len(key), MaxKeySize)
	case size > c.maxValueSize:
		return fmt.Errorf("%w: %d bytes, limit %d", ErrValueTooLarge, size, c.maxValueSize)
	case ttl < 0:
		return fmt.Errorf("%w: %v", ErrNegativeTTL, ttl)
	}
	return nil
}

// condition is what a write demands of the item that is there.
type condition uint8

const (
	always condition = iota
	ifAbsent
	ifPresent
	ifVersion
)

func (c *Cache) shard(key []byte) (*shard, uint64) {
	h := c.hash.sum(key)
	return c.shards[h>>c.shift], h
}

func (c *Cache) write(now int64, key, value []byte, ttl time.Duration, cond condition, version uint64) (uint64, error) {
	if err := c.checkWrite(key, len(value), ttl); err != nil {
		return 0, err
	}
	end := expiry(now, ttl)
	s, h := c.shard(key)
	s.mu.Lock()
	v, err := s.write(now, h, key, value, end, cond, version)
	s.mu.Unlock()
	if err == nil {
		c.jan.due(end)
	}
	return v, err
}

// Set stores value under key for ttl, in place of whatever is there, and
// returns the item's version. A ttl of 0 means that it never expires. Errors:
// ErrEmptyKey, ErrKeyTooLarge, ErrValueTooLarge, ErrNegativeTTL, ErrFull.
func (c *Cache) Set(now int64, key, value []byte, ttl time.Duration) (version uint64, err error) {
	return c.write(now, key, value, ttl, always, 0)
}

// Add is Set for a key that has no unexpired item, else it returns ErrExists.
func (c *Cache) Add(now int64, key, value []byte, ttl time.Duration) (version uint64, err error) {
	return c.write(now, key, value, ttl, ifAbsent, 0)
}

// Replace is Set for a key that has an unexpired item, else it returns
// ErrNotFound.
func (c *Cache) Replace(now int64, key, value []byte, ttl time.Duration) (version uint64, err error) {
	return c.write(now, key, value, ttl, ifPresent, 0)
}

// CompareAndSwap is Set for a key whose unexpired item has the given version.
// It returns ErrExists if the version differs and ErrNotFound if there is no
// item.
func (c *Cache) CompareAndSwap(now int64, key, value []byte, ttl time.Duration, version uint64) (uint64, error) {
	return c.write(now, key, value, ttl, ifVersion, version)
}

// Touch replaces the time to live of an unexpired item, 0 meaning that it
// never expires, and returns its new version. Errors: ErrNotFound,
// ErrNegativeTTL, ErrEmptyKey, ErrFull.
func (c *Cache) Touch(now int64, key []byte, ttl time.Duration) (version uint64, err error) {
	if err := c.checkWrite(key, 0, ttl); err != nil {
		return 0, err
	}
	end := expiry(now, ttl)
	s, h := c.shard(key)
	s.mu.Lock()
	v, err := s.touch(now, h, key, end)
	s.mu.Unlock()
	if err == nil {
		c.jan.due(end)
	}
	return v, err
}

// GetAppend appends the value of an unexpired item to dst and describes the
// item. If there is none it returns dst as it was and false.
func (c *Cache) GetAppend(now int64, dst, key []byte) (value []byte, info Info, ok bool) {
	s, h := c.shard(key)
	s.mu.Lock()
	value, info, ok = s.get(now, h, dst, key)
	s.mu.Unlock()
	return value, info, ok
}

// GetDelete is GetAppend followed by Delete, as one step.
func (c *Cache) GetDelete(now int64, dst, key []byte) (value []byte, ok bool) {
	s, h := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	value, _, ok = s.get(now, h, dst, key)
	if ok {
		s.remove(now, h, key)
	}
	return value, ok
}

// Delete removes the item and reports whether an unexpired one was there.
func (c *Cache) Delete(now int64, key []byte) bool {
	s, h := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remove(now, h, key)
}

// Flush removes every item whose key starts with prefix, an empty prefix
// meaning all, and returns how many of them were unexpired. It walks the
// store in bounded steps, so items written meanwhile may or may not go.
func (c *Cache) Flush(now int64, prefix []byte) (removed uint64) {
	for _, s := range c.shards {
		removed += s.flush(now, prefix)
	}
	return removed
}

// Stats returns a snapshot.
func (c *Cache) Stats() Stats {
	st := Stats{MaxMemory: c.maxMemory}
	now := c.Now()
	for _, s := range c.shards {
		s.addStats(now, &st)
	}
	return st
}
