package valkeystore

import (
	"slices"
	"strconv"
	"time"

	"github.com/benbjohnson/clock"
)

// Milliseconds is what PX says for a TTL.
var Milliseconds = milliseconds

// Scripts returns all scripts by digest.
func Scripts() map[string]string {
	all := make(map[string]string)
	for _, s := range []script{swap, swapAll, fence} {
		all[s.digest], all[s.plainDigest] = shebang+s.body, s.body
	}
	return all
}

// RefusalOf returns the error of a server's answer.
func RefusalOf(message string) error {
	e := &ServerError{Message: message}
	e.classify()
	return e
}

// InFlight is how many calls have a place.
func InFlight(s *Store) (n int) {
	b := s.backend.Load()
	if b == nil {
		return 0
	}
	for i := range b.limits {
		r := &b.limits[i]
		free := int64(0)
		for r.inFlight.TryAcquire(1) {
			free++
		}
		r.inFlight.Release(free)
		n += int(r.size - free)
	}
	return n
}

// Lost reports whether the next call has to find out whether its node is there.
func Lost(s *Store) bool { return !s.backend.Load().isReached(0) }

// AnswerSize parses what an answer is to be for a lone caller, and returns its size; 0 if
// it is none, or not whole.
func AnswerSize(b []byte) int {
	head, size, err := answerSize(b)
	if err != nil || size == 0 || size > len(b) {
		return 0
	}
	parseAnswer(nil, b[:size], head)
	return size
}

// Handed is how often valkey-go has written: calls of a lone caller pass it by.
func Handed(s *Store) uint64 {
	b := s.backend.Load()
	if b == nil {
		return 0
	}
	return b.network.writes.Load()
}

// Orphaned returns what is left of the chunks for valkey-go, when the first part of so many
// answers that they go on with was read by a caller who then gave up.
func Orphaned(answers int, part []byte, chunks ...[]byte) (left []byte, err error) {
	a := new(directPath)
	_, size, err := answerSize(part)
	if err != nil {
		return nil, err
	}
	a.orphan = orphanOf(answers, part, size)
	for _, chunk := range chunks {
		b := slices.Clone(chunk)
		n, err := a.discard(b, len(b))
		if err != nil {
			return nil, err
		}
		left = append(left, b[:n]...)
	}
	return left, nil
}

// HashSlot returns the slot of a key.
var HashSlot = hashSlot

// SlotTag returns a key of a slot.
var SlotTag = slotTag

// LimitOf returns which limit of a cluster the name belongs to.
func LimitOf(name string) int { return int(hashSlot("", []byte(name))) * clusterLimits / hashSlots }

// FillNear puts that many copies of that size into a near cache of that budget, and
// returns how it does and what to keep it alive with.
func FillNear(budget int64, copies, size int) (stats NearStats, cache any) {
	n := newNear(clock.NewMock(), budget, time.Minute)
	envelope := make([]byte, size)
	for i := range copies {
		name := strconv.AppendInt([]byte("a name of "), int64(i), 10)
		n.keep(n.mark(name), name, envelope)
	}
	return n.stats(), n
}

// KeptAcross reports whether the answer of a read is kept if its name, or all, was
// voided while it was under way, and if it was not.
func KeptAcross(all bool) (across, otherwise bool) {
	n := newNear(clock.NewMock(), MinNearCache, time.Minute)
	name, envelope := []byte("name"), []byte("envelope")
	m := n.mark(name)
	if all {
		n.voidAll()
	} else {
		n.void(name)
	}
	n.keep(m, name, envelope)
	_, across = n.get(nil, name)
	n.keep(n.mark(name), name, envelope)
	_, otherwise = n.get(nil, name)
	return across, otherwise
}
