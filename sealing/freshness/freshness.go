// Package freshness detects a store that returns old values: an envelope that this
// process knows to have been replaced or removed, or to be much older than the
// newest. It complements a [sealing.Sealer], which judges each envelope by itself,
// and does no network I/O.
//
//	snapshot := table.Begin(name)                    // before the request is sent
//	value, err := sealer.Open(nil, name, envelope, now)
//	h, _ := sealing.ParseHeader(envelope)
//	err = table.Hit(snapshot, freshness.Envelope{Stamp: h.Stamp, ID: h.ID()}, now)
//	// ErrSuperseded: as if it were not there
//
// It applies two rules, each with a bounded memory:
//
// Identity. An envelope that was current under a name and has since been replaced or
// removed is refused when it comes back. This rule needs no clock.
//
// Time. An envelope is refused if it was sealed more than W before the newest one
// known under its name. W = Clocks + Delay, the most that two clocks may differ plus
// the longest time that a write may take, since an honest write can land late.
//
// Every answer is judged by what was known when its request began, since answers
// overtake each other. No honest answer is refused while clocks and delays keep
// within their bounds, and the identity rule never refuses one at all; the specs
// check this in every course of events of small worlds.
//
// docs/threat-model.md lists what a client cannot detect alone: changes that only
// other clients have seen, names that this process has forgotten or never read, and
// answers frozen at a point in time (Mazières and Shasha, "Building Secure File
// Systems out of Byzantine Storage", 2002).
package freshness

import (
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
)

// Defaults of a Config.
const (
	DefaultClocks = sealing.DefaultClockBound
	DefaultDelay  = 55 * time.Second
	DefaultNames  = 64 << 10
)

// ErrSuperseded: the envelope is authentic, and a later state of its name is
// known. It is a sealing.ErrStale.
var ErrSuperseded = &sealing.StaleError{Word: "superseded", Reason: "a later state of this name is known"}

// Config sets the tolerances and the size of a Table. Zero fields mean the defaults.
type Config struct {
	// Clocks is the most that the clocks of two processes sharing values may differ.
	Clocks time.Duration

	// Delay is how long a write may take from its stamp until the store applies
	// it. It must not be small: a request can wait in a stopped server's socket and
	// be applied after a later one.
	Delay time.Duration

	// Names is how many names are remembered, rounded up to a power of two, at
	// least 512. The table takes 28 bytes for each.
	Names int

	// Key is the key of the hash of names. Zero means a random one; set it to make a
	// simulation repeatable.
	Key [16]byte
}

// Table is what one process knows of the names in one store. It is safe for
// concurrent use, and no method allocates.
type Table struct {
	clocks int64 // milliseconds
	// Milliseconds: W.
	window int64
	hash   sipHash

	// The greatest stamp given out or accepted.
	last atomic.Uint64
	// Unix milliseconds, with clocks added; 0 = none.
	cut atomic.Int64
	// The stamp of the last flush of everything.
	floor atomic.Uint64
	// Counts deaths.
	seq atomic.Uint64

	shards [shardCount]shard
}

// Envelope is what a Table tells envelopes by: of a sealing.Header, its Stamp, 0 if
// it has none, and its ID.
type Envelope struct {
	Stamp sealing.Stamp
	ID    uint64
}

// A Snapshot is what was known of a name when a request for it began.
type Snapshot struct {
	tag uint64
	// The newest known of it, or of a flush.
	stamp sealing.Stamp
	// The id of the envelope last seen there; 0 = not known.
	current uint64
	// Deaths up to here were known.
	seq uint64
}

// New returns an empty table.
func New(c Config) (*Table, error) {
	if c.Clocks < 0 || c.Delay < 0 || c.Names < 0 {
		return nil, errors.New("freshness: bounds and sizes must not be negative")
	}
	if c.Clocks == 0 {
		c.Clocks = DefaultClocks
	}
	if c.Delay == 0 {
		c.Delay = DefaultDelay
	}
	if c.Names == 0 {
		c.Names = DefaultNames
	}
	if c.Names > maxNames {
		return nil, fmt.Errorf("freshness: %d names, limit %d", c.Names, maxNames)
	}
	if c.Key == [16]byte{} {
		// it does not fail, it aborts
		_, _ = rand.Read(c.Key[:])
	}
	t := &Table{
		clocks: c.Clocks.Milliseconds(),
		window: (c.Clocks + c.Delay).Milliseconds(),
		hash:   newSipHash(c.Key),
	}
	sets := 1
	for sets*ways*shardCount < c.Names {
		sets *= 2
	}
	for i := range t.shards {
		t.shards[i].init(sets)
	}
	return t, nil
}

// Stamp returns the sealing time for a request that is about to be sent. Call it once
// there is a connection and room for the request, and again for each attempt, so that
// no stamp ages in a queue. Stamps of one table only grow, unless the clock was set
// back by more than Clocks: then the earlier ones are useless and are forgotten.
func (t *Table) Stamp(now time.Time) sealing.Stamp {
	ms := now.UnixMilli()
	t.passCut(ms)
	wall := uint64(sealing.StampAt(now))
	for {
		last := t.last.Load()
		next := max(last+1, wall)
		back := sealing.Stamp(last).Millis() > ms+t.clocks
		if back {
			next = wall
		}
		if t.last.CompareAndSwap(last, next) {
			if back {
				t.forgetStamps()
			}
			return sealing.Stamp(next)
		}
	}
}

// Begin returns what is known of a name, given as the server sees it. Call it before
// the request is sent.
func (t *Table) Begin(name []byte) Snapshot {
	l := Snapshot{tag: t.hash.sum(name), seq: t.seq.Load()}
	s := t.shard(l.tag)
	s.mu.Lock()
	if p := s.find(l.tag); p.ok() {
		l.stamp, l.current = p.stamp(), p.current()
	}
	s.mu.Unlock()
	l.stamp = max(l.stamp, sealing.Stamp(t.floor.Load()))
	return l
}

// Hit judges the envelope in an answer, after sealing has opened it. Its error is nil
// or a *sealing.StaleError; unless it refuses the envelope, it learns from it. The
// caller has to withhold a refused value as if there were none, but may still replace
// it by a swap.
func (t *Table) Hit(l Snapshot, e Envelope, now time.Time) error {
	ms := now.UnixMilli()
	t.passCut(ms)
	if err := t.judge(l, e, ms); err != nil {
		return err
	}
	s := t.shard(l.tag)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isDead(l, e.ID) {
		return ErrSuperseded
	}
	raise(&t.last, uint64(e.Stamp))
	s.learn(t, l, e, false)
	return nil
}

// GetDeleted is Hit for a request that removes what it returns. The stamp is the
// request's own.
func (t *Table) GetDeleted(l Snapshot, e Envelope, stamp sealing.Stamp, now time.Time) error {
	if err := t.Hit(l, e, now); err != nil {
		return err
	}
	s := t.shard(l.tag)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bury(t, l.tag, e.ID)
	if p := s.find(l.tag); p.ok() && p.current() == e.ID {
		l.current = e.ID // which is gone
	}
	s.learn(t, l, Envelope{Stamp: stamp}, true)
	return nil
}

// Miss learns that nothing was there.
func (t *Table) Miss(l Snapshot) {
	s := t.shard(l.tag)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(t, l, s.find(l.tag), 0)
}

// Written learns that a write of the envelope was acknowledged. Do not call it for a
// write that was refused or whose outcome is unknown.
func (t *Table) Written(l Snapshot, e Envelope) {
	s := t.shard(l.tag)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learn(t, l, e, true)
}

// Deleted learns that a removal was acknowledged, whether or not there was
// something. The stamp is the request's own.
func (t *Table) Deleted(l Snapshot, stamp sealing.Stamp) { t.Written(l, Envelope{Stamp: stamp}) }

// Flushed learns that a request of this stamp removed everything. Do not call it for
// a flush of some names by a prefix.
func (t *Table) Flushed(stamp sealing.Stamp) { raise(&t.floor, uint64(stamp)) }

// SetCut keeps new stamps from falling behind a cut once it is in effect; the zero
// time means none. [sealing.Sealer.SetNotBefore] refuses what was sealed before it.
func (t *Table) SetCut(cut time.Time) {
	if cut.IsZero() {
		t.cut.Store(0)
		return
	}
	t.cut.Store(cut.UnixMilli() + t.clocks)
}

// passCut raises the clock to the cut when the wall clock has got there, so that a
// clock set back a little afterwards seals nothing that the cut refuses.
func (t *Table) passCut(ms int64) {
	if cut := t.cut.Load(); cut > 0 && ms >= cut {
		raise(&t.last, uint64(sealing.StampAt(time.UnixMilli(cut))))
	}
}

// judge applies the rules about time.
func (t *Table) judge(l Snapshot, e Envelope, ms int64) error {
	if e.Stamp == 0 {
		return nil // it says nothing of its time: identity decides
	}
	sealed, newest := e.Stamp.Millis(), l.stamp.Millis()
	switch {
	case sealed > ms+t.clocks:
		return sealing.ErrAhead
	case newest <= ms+t.clocks && sealed+t.window < newest:
		return ErrSuperseded
	}
	return nil
}

func (t *Table) forgetStamps() {
	t.floor.Store(0)
	for i := range t.shards {
		t.shards[i].forgetStamps()
	}
}

func raise(v *atomic.Uint64, to uint64) {
	for old := v.Load(); old < to; old = v.Load() {
		if v.CompareAndSwap(old, to) {
			return
		}
	}
}
