package session

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
	// Command is that of the largest request.
	Command string `json:"command"`
	// Key is the first 64 bytes of that request's key; empty unless keys are recorded.
	Key string `json:"key"`
	// Requests is how many there were.
	Requests uint64 `json:"requests"`
	// Largest is the size of the largest request and its answer, in bytes.
	Largest uint64 `json:"largest"`
	// Bytes is the size of all requests and their answers.
	Bytes uint64 `json:"bytes"`
	// Took is the time from their arrival until their answers were written.
	Took time.Duration `json:"took_ns"`
	// Ago is the time since then.
	Ago time.Duration `json:"ago_ns"`
}

// How many batches a ranking keeps, and for how long: one to two windows.
const (
	rankingSize   = 16
	rankingWindow = int64(time.Minute)
)

// rankings keep the recent batches that took longest, and those with the
// largest requests.
type rankings struct {
	// A batch below both floors is in neither ranking: nearly all are turned away by
	// reading these three fields, which share a cache line.
	slowestFloor, largestFloor atomic.Int64
	until                      atomic.Int64

	// mu guards the fields below.
	mu               sync.Mutex
	slowest, largest ranking
}

// want reports whether a batch may be in a ranking. It takes no lock.
func (r *rankings) want(now, took, largest int64) bool {
	return took > r.slowestFloor.Load() || largest > r.largestFloor.Load() || now >= r.until.Load()
}

func (r *rankings) offer(now int64, b BatchRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	r.slowestFloor.Store(r.slowest.add(rankedBatch{int64(b.Took), now, b}))
	r.largestFloor.Store(r.largest.add(rankedBatch{int64(b.Largest), now, b}))
}

// turn begins a new window if the old one is over.
func (r *rankings) turn(now int64) {
	until := r.until.Load()
	if now < until {
		return
	}
	// No batch came for so long that both windows are old.
	stale := now >= until+rankingWindow
	r.slowest.turn(stale)
	r.largest.turn(stale)
	r.slowestFloor.Store(0)
	r.largestFloor.Store(0)
	r.until.Store(now + rankingWindow)
}

func (r *rankings) records(now int64) (slowest, largest []BatchRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	return r.slowest.records(now), r.largest.records(now)
}

// A ranking is the batches of highest rank, of this window and the one before.
type ranking struct{ current, previous []rankedBatch }

type rankedBatch struct {
	rank, at int64
	batch    BatchRecord
}

// add puts b in its place, if it has one, and returns the rank that a batch must
// have for a place: 0 while there is room.
func (r *ranking) add(b rankedBatch) (floor int64) {
	i, _ := slices.BinarySearchFunc(r.current, b.rank, func(x rankedBatch, rank int64) int { return cmp.Compare(rank, x.rank) })
	r.current = slices.Insert(r.current, i, b)
	if len(r.current) < rankingSize {
		return 0
	}
	r.current = r.current[:rankingSize]
	return r.current[rankingSize-1].rank
}

func (r *ranking) turn(stale bool) {
	r.previous, r.current = r.current, r.previous[:0]
	if stale {
		r.previous = r.previous[:0]
	}
}

// records returns what is in the ranking at now, highest first.
func (r *ranking) records(now int64) []BatchRecord {
	all := slices.Concat(r.current, r.previous)
	slices.SortStableFunc(all, func(a, b rankedBatch) int { return cmp.Compare(b.rank, a.rank) })
	records := make([]BatchRecord, min(len(all), rankingSize))
	for i := range records {
		records[i] = all[i].batch
		records[i].Ago = time.Duration(max(now-all[i].at, 0))
	}
	return records
}
