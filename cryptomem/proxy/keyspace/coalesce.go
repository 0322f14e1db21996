package keyspace

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

// maxCoalesced bounds how many changes go in one swap.
const maxCoalesced = 1024

// A changeQueue holds the changes that wait for one name. One of their goroutines leads:
// it carries out, in one swap, what waits, and then hands the lead on.
type changeQueue struct {
	waiting []*change
	led     bool

	// What was swapped in last; guarded by leading.
	entry value.Entry
	// 0: not known.
	version uint64
	request Request
}

// A change waits for its turn.
type change struct {
	apply func(*value.Entry)
	err   error
	// Whether done says that it is its turn to lead.
	lead bool
	// One token a message.
	done chan struct{}
}

var changes = sync.Pool{New: func() any { return &change{done: make(chan struct{}, 1)} }}

// Change applies a change to what lies under the name, and stores the result if
// that is marked as changed. While others are faster, it is applied anew, to what
// is there then; so apply must have no effect but on its entry and on what the
// last call of it leaves behind. It may be called by another goroutine, while
// Change waits. The entry, and what it refers to, is not apply's to keep, and
// what it puts in must not change later.
func (s *Space) Change(name []byte, apply func(*value.Entry)) error {
	c := changes.Get().(*change)
	c.apply, c.err, c.lead = apply, nil, false
	sh := &s.shards[maphash.Bytes(s.seed, name)%shards]
	sh.mu.Lock()
	q := sh.queues[string(name)]
	if q == nil {
		q = &changeQueue{}
		sh.queues[string(name)] = q
	}
	q.waiting = append(q.waiting, c)
	leads := !q.led
	q.led = true
	sh.mu.Unlock()
	if !leads {
		<-c.done
		leads = c.lead
	}
	if leads {
		s.lead(sh, q, name)
	}
	err := c.err
	c.apply = nil
	changes.Put(c)
	return err
}

// lead carries out what waits, the leader's own change first, and hands the lead
// on to what has come meanwhile.
func (s *Space) lead(sh *shard, q *changeQueue, name []byte) {
	sh.mu.Lock()
	n := min(len(q.waiting), maxCoalesced)
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	sh.mu.Unlock()

	s.coalesced.Add(int64(n - 1))
	s.carryOut(q, name, batch)
	for _, c := range batch[1:] {
		c.lead = false
		c.done <- struct{}{}
	}

	sh.mu.Lock()
	defer sh.mu.Unlock()
	if len(q.waiting) == 0 {
		delete(sh.queues, string(name))
		return
	}
	next := q.waiting[0]
	next.lead = true
	next.done <- struct{}{}
}

// carryOut does the changes of the batch and sets their errors.
func (s *Space) carryOut(q *changeQueue, name []byte, batch []*change) {
	ctx, cancel := s.WithTimeout()
	defer cancel()
	err := s.swap(ctx, q, name, batch)
	if errors.Is(err, ErrTooLarge) && len(batch) > 1 {
		// together they are too large; which one is it?
		for i := range batch {
			batch[i].err = s.swap(ctx, q, name, batch[i:i+1])
		}
		return
	}
	for _, c := range batch {
		c.err = err
	}
}

// swap applies the changes of the batch to one value and swaps that in, again while
// other clients are faster.
func (s *Space) swap(ctx context.Context, q *changeQueue, name []byte, batch []*change) error {
	return s.Attempt(ctx, func() error { return s.attemptSwap(ctx, q, name, batch) })
}

func (s *Space) attemptSwap(ctx context.Context, q *changeQueue, name []byte, batch []*change) error {
	known := q.version != 0 && !s.expired(&q.entry)
	if !known {
		if err := s.look(ctx, q, name); err != nil {
			return err
		}
	}
	for _, c := range batch {
		c.apply(&q.entry)
	}
	switch {
	case q.entry.Changed:
		return s.store(ctx, q, name)
	case known:
		// It may be outdated, since no swap has compared it: look, and apply again.
		q.version = 0
		return s.attemptSwap(ctx, q, name, batch)
	}
	return nil
}

func (s *Space) expired(e *value.Entry) bool { return e.Expires != 0 && e.Expires <= s.Now() }

// look reads what lies under the name.
func (s *Space) look(ctx context.Context, q *changeQueue, name []byte) error {
	r := &q.request
	// The entry refers to the answer, and apply may keep parts of it: never
	// read into the same memory again.
	*r = Request{Kind: Look, Name: name}
	s.config.Upstream.Do(ctx, []*Request{r})
	q.version = r.Version
	return EntryOf(r, &q.entry)
}

// store swaps in what the changes have made.
func (s *Space) store(ctx context.Context, q *changeQueue, name []byte) error {
	var r Request
	if !Store(&r, name, &q.entry, q.version) {
		q.version, q.entry.Changed = 0, false
		return nil
	}
	s.config.Upstream.Do(ctx, []*Request{&r})
	q.entry.Changed = false
	q.version = r.Version
	if r.Err != nil || !q.entry.Exists() {
		q.version = 0
	}
	return r.Err
}
