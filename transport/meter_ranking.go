package transport

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A BatchRecord describes requests that arrived together and were answered
// together; often it is one.
type BatchRecord struct {
	Command  string        `json:"command"`  // of the largest request
	Key      string        `json:"key"`      // of that request, its first 64 bytes; empty unless keys are recorded
	Requests uint64        `json:"requests"` // how many
	Largest  uint64        `json:"largest"`  // bytes of the largest request and its answer
	Bytes    uint64        `json:"bytes"`    // of all requests and their answers
	Took     time.Duration `json:"took_ns"`  // from their arrival until their answers were written
	Ago      time.Duration `json:"ago_ns"`   // since then

	command uint8 // of all requests, 0 if they differ
	largest uint8 // of the largest one
	at      int64
}

// How many batches a ranking keeps, and for how long: one to two windows.
const (
	rankingSize   = 16
	rankingWindow = int64(time.Minute)
)

// A ranking keeps the recent batches of highest rank.
type ranking struct {
	floor atomic.Int64 // a lower rank has no place
	until atomic.Int64 // when this window ends

	mu                sync.Mutex // guards what follows
	current, previous []rankedBatch
}

type rankedBatch struct {
	rank  int64
	batch BatchRecord
}

// wants reports whether a batch may have a place. It takes no lock: nearly all
// batches are turned away here.
func (r *ranking) wants(now, rank int64) bool {
	return rank > r.floor.Load() || now >= r.until.Load()
}

func (r *ranking) offer(now, rank int64, b *BatchRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	if rank <= r.floor.Load() {
		return
	}
	i, _ := slices.BinarySearchFunc(r.current, rank, byRank)
	r.current = slices.Insert(r.current, i, rankedBatch{rank, *b})
	if len(r.current) > rankingSize {
		r.current = r.current[:rankingSize]
	}
	if len(r.current) == rankingSize {
		r.floor.Store(r.current[rankingSize-1].rank)
	}
}

// byRank orders the highest rank first.
func byRank(b rankedBatch, rank int64) int { return cmp.Compare(rank, b.rank) }

// turn begins a new window if the old one is over.
func (r *ranking) turn(now int64) {
	until := r.until.Load()
	if now < until {
		return
	}
	r.previous, r.current = r.current, r.previous[:0]
	if now >= until+rankingWindow {
		r.previous = r.previous[:0] // nothing came for so long that both are old
	}
	r.floor.Store(0)
	r.until.Store(now + rankingWindow)
}

// records returns what is in the ranking at now, highest first.
func (r *ranking) records(now int64) []BatchRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	all := slices.Concat(r.current, r.previous)
	slices.SortStableFunc(all, func(a, b rankedBatch) int { return cmp.Compare(b.rank, a.rank) })
	records := make([]BatchRecord, min(len(all), rankingSize))
	for i := range records {
		b := all[i].batch
		b.Command = commandLabel(int(b.largest))
		b.Ago = time.Duration(max(now-b.at, 0))
		records[i] = b
	}
	return records
}
