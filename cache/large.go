package cache

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// LargeValueSize is the size from which a value has memory of its own, in
// bytes: a chain of whole segments, each with only its written pages charged.
const LargeValueSize = 32 << 10

// Of its memory a shard keeps one part in warmShare ready for large values, up
// to warmPages, when they come and go.
const (
	warmShare = 32
	warmPages = 1 << 20 / pageSize
)

// stagePages bounds how far memory is charged ahead of the bytes received.
const stagePages = 16

// releaseChain gives up one reference to a chain, and its memory with the last.
func (s *shard) releaseChain(head int32) {
	if head == none {
		return
	}
	if s.segs[head].refs--; s.segs[head].refs > 0 {
		return
	}
	s.ledger.of(s.segs[head].debtor).give(int64(s.segs[head].size))
	for id := head; id != none; {
		next := s.segs[id].next
		s.dropSegment(id)
		id = next
	}
}

// Staged is a value on its way into the cache: memory that is charged and
// filled piece by piece as bytes arrive, so that a declared length costs
// nothing, and that becomes the item's value without another copy. It serves
// one goroutine, and ends with Release.
//
//	st, err := c.Stage(key, size)
//	defer st.Release()
//	for st.Missing() > 0 {
//		b, err := st.Buffer(now)
//		n, err := conn.Read(b)
//		st.Advance(n)
//	}
//	version, err := st.Set(c.Now(), ttl)
type Staged struct {
	c      *Cache
	s      *shard
	hash   uint64
	key    []byte
	size   int
	filled int
	head   int32
	tail   int32
	free   []byte // charged and not filled
	staged int64  // bytes that the account knows to be on their way
}

// Stage starts a value of size bytes for key, which it copies. It is meant for
// values of LargeValueSize and more; smaller ones waste most of a page.
// Errors: ErrEmptyKey, ErrKeyTooLarge, ErrValueTooLarge, and ErrFull or
// ErrAccountFull for a value larger than the memory limit or the account's.
func (c *Cache) Stage(key []byte, size int) (*Staged, error) {
	st, err := c.stage(key, size)
	if err != nil {
		return nil, err
	}
	st.key = append([]byte(nil), key...)
	return &st, nil
}

func (c *Cache) stage(key []byte, size int) (Staged, error) {
	if err := c.checkWrite(key, size, 0); err != nil {
		return Staged{}, err
	}
	if int64(pagesOf(size)) > c.budget.max-c.budget.reserved {
		return Staged{}, fmt.Errorf("%w: value is %d bytes, max memory %d", ErrFull, size, c.maxMemory)
	}
	s, h := c.shard(key)
	if err := s.affords(h, key, size, c.balance); err != nil {
		return Staged{}, err
	}
	return Staged{c: c, s: s, hash: h, key: key, size: size, head: none, tail: none}, nil
}

// Key returns the key that the value is for, which must not be changed.
func (st *Staged) Key() []byte { return st.key }

// Missing returns how many bytes are still to come.
func (st *Staged) Missing() int { return st.size - st.filled }

// Buffer returns where the next bytes go: a part of the value's memory, never
// empty while bytes are missing. ErrFull and ErrAccountFull mean that there is
// no memory for more; the caller then drops the value with Release.
func (st *Staged) Buffer(now int64) ([]byte, error) {
	if len(st.free) > 0 || st.Missing() == 0 {
		return st.free, nil
	}
	s := st.s
	s.mu.Lock()
	err := st.extend()
	need := s.need
	s.unlock()
	if errors.Is(err, errNoRoom) {
		err = st.c.retry(now, s, need, st.extend)
	}
	return st.free, err
}

// Advance tells that n bytes of the buffer were filled.
func (st *Staged) Advance(n int) {
	st.free = st.free[n:]
	st.filled += n
}

// extend charges the next pages, under the shard's lock.
func (st *Staged) extend() error {
	s := st.s
	at := st.filled & (segmentSize - 1)
	n := min(st.Missing(), segmentSize-at, stagePages*pageSize)
	if at == 0 && st.Missing() >= segmentSize && len(s.warm) > 0 {
		n = segmentSize
	}
	if err := st.c.balance.stage(int64(n)); err != nil {
		return err
	}
	if !st.take(at, n) {
		st.c.balance.unstage(int64(n))
		return errNoRoom
	}
	st.staged += int64(n)
	return nil
}

// take makes n bytes of memory the buffer, if there are any.
func (st *Staged) take(at, n int) bool {
	s := st.s
	pages := pagesOf(n)
	if n == segmentSize { // only a warm segment is taken whole
		st.link(s.takeWarm())
	} else if !s.charge(pages, memLarge) {
		return false
	} else if at == 0 {
		id := s.newSegment(chained)
		if id == none {
			s.refund(pages, memLarge)
			return false
		}
		st.link(id)
	}
	st.grow(at, n, pages)
	return true
}

// link appends a segment to the chain.
func (st *Staged) link(id int32) {
	if st.tail == none {
		st.head = id
		st.s.segs[id].refs = 1
	} else {
		st.s.segs[st.tail].next = id
	}
	st.tail = id
}

// grow makes n bytes of the last segment, at so many charged pages, the buffer.
func (st *Staged) grow(at, n, pages int) {
	s := st.s
	s.segs[st.tail].pages += pages
	head := &s.segs[st.head]
	head.weight += pages
	head.size += n
	st.free = s.space.unit(st.tail)[at : at+n]
}

// fill copies a whole value in.
func (st *Staged) fill(now int64, value []byte) error {
	for len(value) > 0 {
		b, err := st.Buffer(now)
		if err != nil {
			return err
		}
		n := copy(b, value)
		st.Advance(n)
		value = value[n:]
	}
	return nil
}

// Release ends the value. If it was not stored its memory is given back.
func (st *Staged) Release() {
	if st.head != none {
		st.s.mu.Lock()
		st.s.releaseChain(st.head)
		st.s.unlock()
	}
	st.c.balance.unstage(st.staged)
	st.head, st.tail, st.free, st.size, st.filled, st.staged = none, none, nil, 0, 0, 0
}

// Set stores the value, as Cache.Set does. After an error it may be tried
// again, as the other ways of storing may.
func (st *Staged) Set(now int64, ttl time.Duration) (version uint64, err error) {
	return st.commit(now, ttl, always, 0)
}

// Add stores the value, as Cache.Add does.
func (st *Staged) Add(now int64, ttl time.Duration) (version uint64, err error) {
	return st.commit(now, ttl, ifAbsent, 0)
}

// Replace stores the value, as Cache.Replace does.
func (st *Staged) Replace(now int64, ttl time.Duration) (version uint64, err error) {
	return st.commit(now, ttl, ifPresent, 0)
}

// CompareAndSwap stores the value, as Cache.CompareAndSwap does.
func (st *Staged) CompareAndSwap(now int64, ttl time.Duration, version uint64) (uint64, error) {
	return st.commit(now, ttl, ifVersion, version)
}

func (st *Staged) commit(now int64, ttl time.Duration, cond condition, version uint64) (uint64, error) {
	if err := st.c.checkWrite(st.key, st.size, ttl); err != nil {
		return 0, err
	}
	if st.Missing() > 0 {
		return 0, fmt.Errorf("value has %d of %d bytes", st.filled, st.size)
	}
	v, err := st.c.store(now, st.s, st.hash, st.key, value{chain: st.head, length: st.size, owner: st.c.balance}, ttl, cond, version)
	if err == nil {
		st.head = none // the item's now
	}
	return v, err
}

// Ref is a large value being read where it lies: its memory stays as it is
// until Release, whatever becomes of the item. The zero Ref refers to nothing.
type Ref struct {
	c    *Cache // whose memory lives as long as it does
	s    *shard
	head int32
	size int
}

// Valid reports whether it refers to a value.
func (r Ref) Valid() bool { return r.s != nil }

// Size returns the value's size in bytes.
func (r Ref) Size() int { return r.size }

// AppendTo appends the value's pieces, in order, to bufs. They may be read
// until Release, and must not be changed.
func (r Ref) AppendTo(bufs net.Buffers) net.Buffers {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	left := r.size
	for id := r.head; left > 0; id = r.s.segs[id].next {
		n := min(left, segmentSize)
		bufs = append(bufs, r.s.space.unit(id)[:n:n])
		left -= n
	}
	return bufs
}

// Release ends the reading. It must be called once.
func (r Ref) Release() {
	r.s.mu.Lock()
	r.s.releaseChain(r.head)
	r.s.unlock()
}

// GetRef is GetAppend without a copy of large values: a value of
// LargeValueSize or more is returned as a valid ref, to be released, and dst
// comes back as it was.
func (c *Cache) GetRef(now int64, dst, key []byte) (value []byte, ref Ref, info Info, ok bool) {
	s, h := c.shard(key)
	s.mu.Lock()
	value, chain, info, ok := s.get(now, h, dst, key)
	if chain != none {
		ref = c.ref(s, chain)
	}
	s.mu.Unlock()
	return value, ref, info, ok
}

// GetDeleteRef is GetRef followed by Delete, as one step.
func (c *Cache) GetDeleteRef(now int64, dst, key []byte) (value []byte, ref Ref, ok bool) {
	s, h := c.shard(key)
	s.mu.Lock()
	value, chain, _, ok := s.get(now, h, dst, key)
	if chain != none {
		ref = c.ref(s, chain)
	}
	if ok {
		s.remove(now, h, key)
	}
	s.unlock()
	return value, ref, ok
}

// ref wraps a reference that was taken, under the shard's lock.
func (c *Cache) ref(s *shard, chain int32) Ref {
	return Ref{c: c, s: s, head: chain, size: s.segs[chain].size}
}

// appendValue copies the value to dst and releases the reference.
func (r Ref) appendValue(dst []byte) []byte {
	var room [16][]byte
	for _, b := range r.AppendTo(room[:0]) {
		dst = append(dst, b...)
	}
	r.Release()
	return dst
}
