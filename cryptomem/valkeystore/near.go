package valkeystore

import (
	"bytes"
	"hash/maphash"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
)

const (
	nearShards = 32
	nearEpochs = 128 // a shard

	// largestNear is the part of a shard's budget that one copy may have.
	largestNear = 8

	// yieldEvery is after how many hits in a shard a reader lets others run:
	// readers that never wait would keep the processor from the goroutine that
	// hears of changes.
	yieldEvery = 64
)

// A near keeps sealed envelopes of names that were read, in this process, for as
// long as nothing is heard of a change and the local TTL lasts. What is evicted
// first is what was not read again (SIEVE, NSDI '24). A nil near keeps nothing.
//
// A read that misses takes a mark before it is sent and keeps its answer with it
// afterwards. Whatever voids a name in between voids the mark, too, so that no
// answer is kept that is older than a change which was heard of.
type near struct {
	clk   clock.Clock
	began time.Time
	ttl   time.Duration
	seed  maphash.Seed
	// How often everything was voided.
	flushes atomic.Uint64
	shards  [nearShards]nearShard
}

type nearShard struct {
	// Guards what follows.
	mu     sync.Mutex
	copies map[uint64]*nearCopy
	newest *nearCopy
	oldest *nearCopy
	// Where the search for the next victim goes on.
	hand   *nearCopy
	used   int64
	budget int64
	// epochs by hash: grows when a name is voided.
	epochs [nearEpochs]uint32
	// awaits are the callers that wait for a change, by hash.
	awaits map[uint64]*await
	// But for what follows from the copies.
	counts NearStats
	// Keeps neighbours' locks out of the cache line.
	_ [64]byte
}

// A nearCopy is an envelope that is kept.
type nearCopy struct {
	hash uint64
	// The name, then the envelope.
	data         []byte
	until        time.Duration
	newer, older *nearCopy
	// Length of the name.
	name uint32
	// visited since the hand passed it last.
	visited bool
}

// copyOverhead is what a copy takes beside its bytes: itself, which is 64 bytes, and
// its share of the map, at its emptiest.
const copyOverhead = 64 + 56

func (c *nearCopy) size() int64 { return int64(cap(c.data)) + copyOverhead }

func (c *nearCopy) isOf(name []byte) bool { return bytes.Equal(c.data[:c.name], name) }

// NearStats are the counters of a near cache.
type NearStats struct {
	// Hits counts reads answered from the near cache.
	Hits uint64 `json:"hits"`
	// Misses counts reads that asked a server.
	Misses uint64 `json:"misses"`
	// Voided counts copies dropped because of a change or a lost connection.
	Voided uint64 `json:"voided"`
	// Evicted counts copies dropped for lack of memory.
	Evicted uint64 `json:"evicted"`
	Copies  int    `json:"copies"`
	// Bytes is the memory in use, as the budget counts it.
	Bytes int64 `json:"bytes"`
}

// Plus returns the sums of both.
func (s NearStats) Plus(t NearStats) NearStats {
	return NearStats{s.Hits + t.Hits, s.Misses + t.Misses, s.Voided + t.Voided, s.Evicted + t.Evicted, s.Copies + t.Copies, s.Bytes + t.Bytes}
}

func newNear(clk clock.Clock, budget int64, ttl time.Duration) *near {
	n := &near{clk: clk, began: clk.Now(), ttl: ttl, seed: maphash.MakeSeed()}
	for i := range n.shards {
		n.shards[i].budget = budget / nearShards
		n.shards[i].copies = make(map[uint64]*nearCopy)
	}
	return n
}

// now is the time since the cache was made, which no wall clock sets back.
func (n *near) now() time.Duration { return n.clk.Now().Sub(n.began) }

func (n *near) shard(hash uint64) *nearShard { return &n.shards[hash%nearShards] }

func (s *nearShard) epoch(hash uint64) *uint32 { return &s.epochs[hash/nearShards%nearEpochs] }

// get appends the envelope under the name to dst.
func (n *near) get(dst, name []byte) (envelope []byte, ok bool) {
	hash, now := maphash.Bytes(n.seed, name), n.now()
	s := n.shard(hash)
	s.mu.Lock()
	c := s.copies[hash]
	if c == nil || !c.isOf(name) || now >= c.until {
		s.counts.Misses++
		s.mu.Unlock()
		return dst, false
	}
	c.visited = true
	s.counts.Hits++
	yield := s.counts.Hits%yieldEvery == 0
	dst = append(dst, c.data[c.name:]...)
	s.mu.Unlock()
	if yield {
		runtime.Gosched()
	}
	return dst, true
}

// A mark is of a read that is about to be sent: when, and what was voided by then.
type mark struct {
	hash    uint64
	epoch   uint32
	flushes uint64
	until   time.Duration
}

func (n *near) mark(name []byte) mark {
	m := mark{hash: maphash.Bytes(n.seed, name), flushes: n.flushes.Load(), until: n.now() + n.ttl}
	s := n.shard(m.hash)
	s.mu.Lock()
	m.epoch = *s.epoch(m.hash)
	s.mu.Unlock()
	return m
}

// keep keeps the answer of the marked read, unless the name was voided meanwhile.
func (n *near) keep(m mark, name, envelope []byte) {
	s := n.shard(m.hash)
	if int64(len(name)+len(envelope))+copyOverhead > s.budget/largestNear {
		return
	}
	c := &nearCopy{hash: m.hash, data: slices.Concat(name, envelope), name: uint32(len(name)), until: m.until}
	s.mu.Lock()
	defer s.mu.Unlock()
	if *s.epoch(m.hash) != m.epoch || n.flushes.Load() != m.flushes {
		return
	}
	s.remove(s.copies[m.hash])
	for s.used+c.size() > s.budget {
		s.evict()
	}
	s.copies[m.hash] = c
	c.older = s.newest
	if s.newest != nil {
		s.newest.newer = c
	} else {
		s.oldest = c
	}
	s.newest = c
	s.used += c.size()
}

// evict removes the first copy, from the hand on towards the newest, that was not
// read since the hand passed it last.
func (s *nearShard) evict() {
	c := s.hand
	for {
		if c == nil {
			c = s.oldest
		}
		if !c.visited {
			break
		}
		c.visited = false
		c = c.newer
	}
	s.hand = c // and remove moves it on
	s.counts.Evicted++
	s.remove(c)
}

// remove takes the copy out; nil is none.
func (s *nearShard) remove(c *nearCopy) {
	if c == nil {
		return
	}
	if s.hand == c {
		s.hand = c.newer
	}
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		s.newest = c.older
	}
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		s.oldest = c.newer
	}
	delete(s.copies, c.hash)
	s.used -= c.size()
}

// void drops what is kept under the name, and what reads will bring that are under way,
// and wakes the callers that wait for a change.
func (n *near) void(name []byte) {
	hash := maphash.Bytes(n.seed, name)
	s := n.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	*s.epoch(hash)++
	if c := s.copies[hash]; c != nil {
		s.counts.Voided++
		s.remove(c)
	}
	if a := s.awaits[hash]; a != nil {
		delete(s.awaits, hash)
		close(a.changed)
	}
}

// drop forgets the copy under the name, for a read that has to ask the server.
// Nothing has changed, so no waiting caller is woken, and reads under way are kept.
func (n *near) drop(name []byte) {
	hash := maphash.Bytes(n.seed, name)
	s := n.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.copies[hash]; c != nil {
		s.remove(c)
	}
}

// voidAll is void for all names.
func (n *near) voidAll() {
	// first: what is kept from now on was asked for later
	n.flushes.Add(1)
	for i := range n.shards {
		s := &n.shards[i]
		s.mu.Lock()
		s.counts.Voided += uint64(len(s.copies))
		clear(s.copies)
		s.newest, s.oldest, s.hand, s.used = nil, nil, nil, 0
		for _, a := range s.awaits {
			close(a.changed)
		}
		clear(s.awaits)
		s.mu.Unlock()
	}
}

// An await is the wait of one or more callers for a change of a name.
type await struct {
	changed chan struct{}
	waiting int
}

// await returns a channel that is closed when the name is voided.
func (n *near) await(name []byte) (changed <-chan struct{}, stop func()) {
	hash := maphash.Bytes(n.seed, name)
	s := n.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.awaits[hash]
	if a == nil {
		if s.awaits == nil {
			s.awaits = make(map[uint64]*await)
		}
		a = &await{changed: make(chan struct{})}
		s.awaits[hash] = a
	}
	a.waiting++
	return a.changed, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if a.waiting--; a.waiting == 0 && s.awaits[hash] == a {
			delete(s.awaits, hash)
		}
	}
}

func (n *near) stats() (sum NearStats) {
	for i := range n.shards {
		s := &n.shards[i]
		s.mu.Lock()
		sum = sum.Plus(s.counts).Plus(NearStats{Copies: len(s.copies), Bytes: s.used})
		s.mu.Unlock()
	}
	return sum
}
