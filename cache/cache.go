package cache

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
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
	*shared
	// account is charged for what is written through this Cache; nil charges no
	// account.
	account *accountState
}

// shared is what the Caches of all accounts have in common.
type shared struct {
	options
	clk   clock.Clock
	start time.Time
	hash  hasher
	// shift reduces a hash to the number of its shard.
	shift        uint
	shards       []*shard
	budget       *budget
	accountTable *accountTable
	opened       accounts
	// reclaimMu is held while making room; it is taken before a shard's lock.
	reclaimMu sync.Mutex
	// tried marks the shards that had no memory to give; guarded by reclaimMu.
	tried []bool
	// flushing is held during a Flush; it is taken before a shard's lock.
	flushing sync.Mutex
	jan      janitor
}

// Info describes an item.
type Info struct {
	// Version is a new one after every change of the item.
	Version uint64
	// TTL is what is left of the time to live; 0 means that the item never expires.
	TTL time.Duration
}

// New returns an empty cache. Its janitor does not run until Start.
func New(clk clock.Clock, opts ...Option) (*Cache, error) {
	o := options{maxMemory: machineDecides, maxValueSize: DefaultMaxValueSize}
	for _, opt := range opts {
		opt(&o)
	}
	if o.maxMemory == machineDecides {
		o.maxMemory = DefaultMaxMemory()
	}
	if o.shards == 0 {
		o.shards = defaultShards(o.maxMemory)
	}
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	c := &Cache{shared: &shared{options: o, clk: clk, start: clk.Now(), hash: newHasher(o.hashKey), accountTable: newAccountTable()}}
	c.shift = 64
	for n := o.shards; n > 1; n >>= 1 {
		c.shift--
	}
	c.jan.poke = make(poke, 1)
	c.jan.wake.Store(math.MaxInt64)
	err := c.reserve()
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	// Versions go on from the time, so that a cache that is filled from an older
	// one's snapshot gives out none that the older one did: it would have needed
	// more than one change a nanosecond.
	first := uint64(max(c.start.UnixNano(), 0))
	for _, s := range c.shards {
		s.version = first
		runtime.AddCleanup(c.shared, (*shard).close, s)
	}
	return c, nil
}

// maxHalvings is how often New halves the address space that it asks for, where
// the system grants no more.
const maxHalvings = 10

// The address space, in bytes, that New leaves to the rest of the process for its
// threads, their stacks and a growing heap. A Go process that cannot get more
// address space dies.
const (
	headroom = 512 << 20
	// minHeadroom is what New accepts if it cannot leave headroom.
	minHeadroom = 128 << 20
)

// reserve creates the shards with as much address space as leaves headroom.
func (c *Cache) reserve() error {
	// After enough halvings, more would leave less address space than the memory
	// limit needs.
	enough := 0
	for enough < maxHalvings && int64(c.options.shards)*recordSpace(c.maxMemory)>>(enough+1) >= c.maxMemory+c.maxMemory/4 {
		enough++
	}
	for halvings := range enough + 1 {
		if c.makeShards(uint(halvings), headroom) == nil {
			return nil
		}
	}
	for halvings := range enough + 1 {
		if c.makeShards(uint(halvings), minHeadroom) == nil {
			return nil
		}
	}
	return fmt.Errorf("max_memory is %d bytes, and with it less than %d bytes of address space are left; raise the limit of that (ulimit -v)", c.maxMemory, minHeadroom)
}

func (c *Cache) makeShards(halvings uint, headroom int) error {
	c.budget = newBudget(c.maxMemory - ghostBytes(&c.options))
	c.shards, c.tried = nil, make([]bool, c.options.shards)
	for range c.options.shards {
		s, err := newShard(&c.options, c.budget, c.accountTable, c.jan.poke, 64-c.shift, halvings)
		if err != nil {
			c.closeShards()
			return err
		}
		c.shards = append(c.shards, s)
	}
	if !canReserve(headroom) {
		c.closeShards()
		return errNoSpace
	}
	return nil
}

func (c *Cache) closeShards() {
	for _, s := range c.shards {
		s.close()
	}
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

func (c *Cache) shard(key []byte) (*shard, uint64) {
	h := c.hash.sum(key)
	return c.shards[h>>c.shift], h
}

func (c *Cache) write(now int64, key, b []byte, ttl time.Duration, cond condition, version uint64) (uint64, error) {
	if err := c.checkWrite(key, len(b), ttl); err != nil {
		return 0, err
	}
	if len(b) >= LargeValueSize {
		return c.writeLarge(now, key, b, ttl, cond, version)
	}
	s, h := c.shard(key)
	return c.store(now, s, h, key, value{bytes: b, chain: none, length: len(b), owner: c.account}, ttl, cond, version)
}

// writeLarge copies the value outside the shard's lock, then stores it.
func (c *Cache) writeLarge(now int64, key, b []byte, ttl time.Duration, cond condition, version uint64) (uint64, error) {
	st, err := c.beginUpload(key, len(b))
	if err != nil {
		return 0, err
	}
	defer st.Release()
	if err := st.fill(b); err != nil {
		return 0, err
	}
	return st.commit(now, ttl, cond, version)
}

// store runs a write, making room for it if need be.
func (c *Cache) store(now int64, s *shard, h uint64, key []byte, v value, ttl time.Duration, cond condition, version uint64) (uint64, error) {
	s.mu.Lock()
	got, err := s.write(now, h, key, v, ttl, cond, version)
	need := s.need
	s.unlock()
	if errors.Is(err, errNoSpace) {
		err = c.retry(now, s, need, func() (err error) {
			got, err = s.write(now, h, key, v, ttl, cond, version)
			return err
		})
	}
	if err == nil {
		c.jan.due(now, expiry(now, ttl))
	}
	return got, err
}

// Set stores value under key for ttl, replacing any older item, and
// returns the item's version. A ttl of 0 means that it never expires. Errors:
// ErrEmptyKey, ErrKeyTooLarge, ErrValueTooLarge, ErrNegativeTTL, ErrFull,
// ErrAccountFull.
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
	s, h := c.shard(key)
	s.mu.Lock()
	v, err := s.touch(now, h, key, ttl)
	need := s.need
	s.unlock()
	if errors.Is(err, errNoSpace) {
		err = c.retry(now, s, need, func() (err error) {
			v, err = s.touch(now, h, key, ttl)
			return err
		})
	}
	if err == nil {
		c.jan.due(now, expiry(now, ttl))
	}
	return v, err
}

// GetAppend appends the value of an unexpired item to dst and describes the
// item. If there is none it returns dst as it was and false.
func (c *Cache) GetAppend(now int64, dst, key []byte) (value []byte, info Info, ok bool) {
	s, h := c.shard(key)
	s.mu.Lock()
	value, chain, info, ok := s.get(now, h, dst, key)
	if chain == none {
		s.mu.Unlock()
		return value, info, ok
	}
	ref := c.ref(s, chain)
	s.mu.Unlock()
	return ref.appendValue(value), info, ok
}

// GetDelete is GetAppend followed by Delete, as one step.
func (c *Cache) GetDelete(now int64, dst, key []byte) (value []byte, ok bool) {
	value, ref, err := c.GetDeleteRef(now, dst, key, nil)
	if ref.Valid() {
		value = ref.appendValue(value)
	}
	return value, err == nil
}

// Delete removes the item and reports whether an unexpired one was there.
func (c *Cache) Delete(now int64, key []byte) bool {
	s, h := c.shard(key)
	s.mu.Lock()
	removed := s.remove(now, h, key)
	s.unlock()
	return removed
}

// Stats returns a snapshot.
func (c *Cache) Stats() Stats {
	st := Stats{MaxMemory: c.maxMemory}
	now := c.Now()
	for _, s := range c.shards {
		s.addStats(now, &st)
	}
	m := &st.Memory
	m.Total = m.Records + m.Large + m.Index + m.Free
	return st
}
