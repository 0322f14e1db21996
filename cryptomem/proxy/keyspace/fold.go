package keyspace

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

// maxFolded bounds how many changes go in one swap.
const maxFolded = 1024

// A fold is the changes that wait for one name. One of their goroutines leads:
// it carries out what waits and then hands the lead on.
type fold struct {
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
	f := sh.folds[string(name)]
	if f == nil {
		f = &fold{}
		sh.folds[string(name)] = f
	}
	f.waiting = append(f.waiting, c)
	leads := !f.led
	f.led = true
	sh.mu.Unlock()
	if !leads {
		<-c.done
		leads = c.lead
	}
	if leads {
		s.lead(sh, f, name)
	}
	err := c.err
	c.apply = nil
	changes.Put(c)
	return err
}

// lead carries out what waits, the leader's own change first, and hands the lead
// on to what has come meanwhile.
func (s *Space) lead(sh *shard, f *fold, name []byte) {
	sh.mu.Lock()
	n := min(len(f.waiting), maxFolded)
	batch := f.waiting[:n:n]
	f.waiting = f.waiting[n:]
	sh.mu.Unlock()

	s.folded.Add(int64(n - 1))
	s.carryOut(f, name, batch)
	for _, c := range batch[1:] {
		c.lead = false
		c.done <- struct{}{}
	}

	sh.mu.Lock()
	defer sh.mu.Unlock()
	if len(f.waiting) == 0 {
		delete(sh.folds, string(name))
		return
	}
	next := f.waiting[0]
	next.lead = true
	next.done <- struct{}{}
}

// carryOut does the changes of the batch and sets their errors.
func (s *Space) carryOut(f *fold, name []byte, batch []*change) {
	ctx, cancel := s.WithTimeout()
	defer cancel()
	err := s.swap(ctx, f, name, batch)
	if errors.Is(err, ErrTooLarge) && len(batch) > 1 {
		// together they are too large; which one is it?
		for i := range batch {
			batch[i].err = s.swap(ctx, f, name, batch[i:i+1])
		}
		return
	}
	for _, c := range batch {
		c.err = err
	}
}

// swap applies the changes of the batch to one value and swaps that in, again
// while somebody else is faster.
func (s *Space) swap(ctx context.Context, f *fold, name []byte, batch []*change) error {
	for attempt := 1; ; attempt++ {
		known := f.version != 0 && !s.expired(&f.entry)
		if !known {
			if err := s.look(ctx, f, name); err != nil {
				return err
			}
		}
		for _, c := range batch {
			c.apply(&f.entry)
		}
		if !f.entry.Changed {
			if known {
				// it may be outdated: nothing has compared it
				f.version = 0
				continue
			}
			return nil
		}
		err := s.store(ctx, f, name)
		if !errors.Is(err, ErrLost) {
			return err
		}
		s.lost.Add(1)
		if attempt == s.config.Attempts {
			return errContended
		}
		// the first time, it was most likely the value kept here that was old
		if attempt > 1 {
			if err := s.backOff(ctx, attempt); err != nil {
				return err
			}
		}
	}
}

func (s *Space) expired(e *value.Entry) bool { return e.Expires != 0 && e.Expires <= s.Now() }

// look reads what lies under the name.
func (s *Space) look(ctx context.Context, f *fold, name []byte) error {
	r := &f.request
	// The entry refers to the answer, and apply may keep parts of it: never
	// read into the same memory again.
	*r = Request{Kind: Look, Name: name}
	s.config.Upstream.Do(ctx, []*Request{r})
	f.version = r.Version
	return EntryOf(r, &f.entry)
}

// store swaps in what the changes have made.
func (s *Space) store(ctx context.Context, f *fold, name []byte) error {
	var r Request
	if !Store(&r, name, &f.entry, f.version) {
		f.version, f.entry.Changed = 0, false
		return nil
	}
	s.config.Upstream.Do(ctx, []*Request{&r})
	f.entry.Changed = false
	f.version = r.Version
	if r.Err != nil || !f.entry.Exists() {
		f.version = 0
	}
	return r.Err
}

// Back-off between attempts, in which each of several rivals gets its turn.
const (
	firstBackOff = 500 * time.Microsecond
	maxBackOff   = 50 * time.Millisecond
)

var errContended = errors.New("others keep changing the value")

// Rest counts that another client was faster and waits before the next attempt at
// a change that is made outside of Change, but not before the second. It returns an
// error if there have been enough.
func (s *Space) Rest(ctx context.Context, attempt int) error {
	s.lost.Add(1)
	switch {
	case attempt >= s.config.Attempts:
		return errContended
	case attempt == 1:
		return nil
	}
	return s.backOff(ctx, attempt)
}

// backOff waits for a random part of a time that doubles with the attempts.
func (s *Space) backOff(ctx context.Context, attempt int) error {
	longest := min(firstBackOff<<min(attempt, 10), maxBackOff)
	timer := s.config.Clock.Timer(time.Duration(s.config.Random(int64(longest))) + 1)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
