package cache

import (
	"fmt"
	"net"
	"time"
)

// LargeValueSize is the size from which a value has memory of its own, in
// bytes: a chain of whole segments, each with only its written pages charged.
const LargeValueSize = 32 << 10

// firstPiece is the size of an upload's first buffer, in bytes. After that, each
// buffer is as large as all that has arrived, so that memory follows the bytes
// received.
const firstPiece = 32 << 10

// settle counts a chain against the limit now that an item has it, where it was in
// transit before. It reports false if there is no room under the limit.
func (s *shard) settle(head int32) bool {
	c := &s.segs[head]
	if !s.charge(c.weight, memLarge) {
		return false
	}
	s.memory[memTransit] -= c.weight
	c.transit = false
	return true
}

// unsettle undoes settle for a chain that no item has any more.
func (s *shard) unsettle(head int32) {
	c := &s.segs[head]
	s.refund(c.weight, memLarge)
	s.memory[memTransit] += c.weight
	c.transit = true
}

// releaseChain gives up one reference to a chain, and its memory with the last.
func (s *shard) releaseChain(head int32) {
	if head == none {
		return
	}
	if s.segs[head].refs--; s.segs[head].refs > 0 {
		return
	}
	use := memLarge
	if s.segs[head].transit {
		use = memTransit
	}
	for id := head; id != none; {
		next := s.segs[id].next
		s.dropSegment(id, use)
		id = next
	}
}

// Upload is a value on its way into the cache: memory that grows piece by piece
// as bytes arrive, so that a declared length costs nothing, and that becomes the
// item's value without another copy. Until then it is in transit: it counts against
// no limit of the cache, and nothing is evicted for it, so the caller has to bound
// how much is in transit. It is for one goroutine, and ends with Release.
//
//	st, err := c.BeginUpload(key, size)
//	defer st.Release()
//	for st.Missing() > 0 {
//		b, err := st.Buffer()
//		n, err := conn.Read(b)
//		st.Advance(n)
//	}
//	version, err := st.Set(c.Now(), ttl)
type Upload struct {
	c      *Cache
	s      *shard
	hash   uint64
	key    []byte
	size   int
	filled int
	head   int32
	tail   int32
	// free is the part of the buffer that is not filled.
	free []byte
	// charged is how many bytes are charged to the account's uploads.
	charged int64
}

// BeginUpload starts a value of size bytes for key, which it copies. It is meant for
// values of LargeValueSize and more; a smaller one wastes part of a page.
// Errors: ErrEmptyKey, ErrKeyTooLarge, ErrValueTooLarge, and ErrFull or
// ErrAccountFull for a value larger than the memory limit or the account's.
func (c *Cache) BeginUpload(key []byte, size int) (*Upload, error) {
	st, err := c.beginUpload(key, size)
	if err != nil {
		return nil, err
	}
	st.key = append([]byte(nil), key...)
	return &st, nil
}

func (c *Cache) beginUpload(key []byte, size int) (Upload, error) {
	if err := c.checkWrite(key, size, 0); err != nil {
		return Upload{}, err
	}
	if int64(pagesOf(size)) > c.budget.max-c.budget.reserved {
		return Upload{}, fmt.Errorf("%w: value is %d bytes, max memory %d", ErrFull, size, c.maxMemory)
	}
	s, h := c.shard(key)
	if err := s.affords(h, key, size, c.account); err != nil {
		return Upload{}, err
	}
	return Upload{c: c, s: s, hash: h, key: key, size: size, head: none, tail: none}, nil
}

// Key returns the key that the value is for, which must not be changed.
func (st *Upload) Key() []byte { return st.key }

// Missing returns how many bytes are still to come.
func (st *Upload) Missing() int { return st.size - st.filled }

// Buffer returns where the next bytes go: a part of the value's memory, never empty
// while bytes are missing, and, after the first, no longer than what has arrived.
// ErrFull (no address space is left) and ErrAccountFull mean that there is no memory
// for more; the caller then drops the value with Release.
func (st *Upload) Buffer() ([]byte, error) {
	if len(st.free) > 0 || st.Missing() == 0 {
		return st.free, nil
	}
	st.s.mu.Lock()
	err := st.extend()
	st.s.unlock()
	return st.free, err
}

// Advance says that n bytes of the buffer have been filled.
func (st *Upload) Advance(n int) {
	st.free = st.free[n:]
	st.filled += n
}

// extend makes the next bytes of memory the buffer, under the shard's lock.
func (st *Upload) extend() error {
	at := st.filled & (segmentSize - 1)
	n := min(st.Missing(), segmentSize-at, max(st.filled, firstPiece))
	if err := st.c.account.reserveUpload(int64(n)); err != nil {
		return err
	}
	if at == 0 && !st.link() {
		st.c.account.releaseUpload(int64(n))
		return fmt.Errorf("%w: no address space is left", ErrFull)
	}
	st.charged += int64(n)
	seg, head := &st.s.segs[st.tail], &st.s.segs[st.head]
	more := max(pagesOf(at+n)-seg.pages, 0)
	warm := min(more, seg.spare)
	if n == st.Missing() {
		// The item takes over the warm pages that the value does not need.
		warm = seg.spare
		more = max(more, warm)
	}
	st.s.refund(warm, memFree)
	seg.spare -= warm
	seg.pages += more
	head.weight += more
	st.s.memory[memTransit] += more
	head.size += n
	st.free = st.s.space.unit(st.tail)[at : at+n]
	return nil
}

// link appends a segment to the chain, a warm one if one fits. Its warm pages stay
// charged as free memory until they are filled.
func (st *Upload) link() bool {
	s := st.s
	id := s.takeWarm(pagesOf(min(st.Missing(), segmentSize)))
	if id != none {
		s.segs[id] = segment{kind: chained, spare: s.segs[id].spare, bucket: none, next: none, prev: none, queueNext: none, queuePrev: none}
	} else if id = s.newSegment(chained); id == none {
		return false
	}
	if st.tail == none {
		st.head = id
		s.segs[id].refs, s.segs[id].transit = 1, true
	} else {
		s.segs[st.tail].next = id
	}
	st.tail = id
	return true
}

// fill copies the whole value into the upload.
func (st *Upload) fill(value []byte) error {
	for len(value) > 0 {
		b, err := st.Buffer()
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
func (st *Upload) Release() {
	if st.head != none {
		st.s.mu.Lock()
		st.s.releaseChain(st.head)
		st.s.unlock()
	}
	st.c.account.releaseUpload(st.charged)
	st.head, st.tail, st.free, st.size, st.filled, st.charged = none, none, nil, 0, 0, 0
}

// Set stores the value, as Cache.Set does. After an error it may be called again,
// and so may Add, Replace and CompareAndSwap.
func (st *Upload) Set(now int64, ttl time.Duration) (version uint64, err error) {
	return st.commit(now, ttl, always, 0)
}

// Add stores the value, as Cache.Add does.
func (st *Upload) Add(now int64, ttl time.Duration) (version uint64, err error) {
	return st.commit(now, ttl, ifAbsent, 0)
}

// Replace stores the value, as Cache.Replace does.
func (st *Upload) Replace(now int64, ttl time.Duration) (version uint64, err error) {
	return st.commit(now, ttl, ifPresent, 0)
}

// CompareAndSwap stores the value, as Cache.CompareAndSwap does.
func (st *Upload) CompareAndSwap(now int64, ttl time.Duration, version uint64) (uint64, error) {
	return st.commit(now, ttl, ifVersion, version)
}

func (st *Upload) commit(now int64, ttl time.Duration, cond condition, version uint64) (uint64, error) {
	if err := st.c.checkWrite(st.key, st.size, ttl); err != nil {
		return 0, err
	}
	if st.Missing() > 0 {
		return 0, fmt.Errorf("value has %d of %d bytes", st.filled, st.size)
	}
	v, err := st.c.store(now, st.s, st.hash, st.key, value{chain: st.head, length: st.size, owner: st.c.account}, ttl, cond, version)
	if err == nil {
		// The chain belongs to the item now.
		st.head = none
	}
	return v, err
}

// Ref is a large value being read without a copy: its memory stays as it is until
// Release, even if the item is removed or replaced. The zero Ref refers to nothing.
type Ref struct {
	// c keeps the cache's memory from being freed while the Ref is held.
	c    *Cache
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

// GetDeleteRef is GetRef followed by Delete, as one step. A large value no longer
// counts against the cache's limit afterwards, so admit, if not nil, is asked first,
// with the value's size and under a lock; if it returns false the item stays. Errors:
// ErrNotFound, ErrNotAdmitted.
func (c *Cache) GetDeleteRef(now int64, dst, key []byte, admit func(size int) bool) (value []byte, ref Ref, err error) {
	s, h := c.shard(key)
	s.mu.Lock()
	defer s.unlock()
	value, chain, _, ok := s.get(now, h, dst, key)
	if !ok {
		return value, Ref{}, ErrNotFound
	}
	if chain != none {
		ref = c.ref(s, chain)
		if admit != nil && !admit(ref.size) {
			s.releaseChain(chain)
			return value, Ref{}, ErrNotAdmitted
		}
	}
	s.remove(now, h, key)
	return value, ref, nil
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
