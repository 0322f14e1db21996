package transport

import (
	"bytes"
	"math/bits"
	"sync/atomic"
	"time"
)

// A Meter counts what the Sessions that share it execute, and how long it
// takes. A nil Meter counts nothing.
//
// Counting costs a request no more than an addition to a field of its session,
// and a batch a few atomic additions. To keep the cores out of each other's
// way, sessions are spread over stripes of counters, which Stats adds up.
type Meter struct {
	keys     bool
	sessions atomic.Uint32 // handed a stripe so far
	stripes  [meterStripes]meterStripe
	slowest  ranking
	largest  ranking
}

const (
	meterStripes = 16
	commandKinds = int(Auth) + 1 // index 0 is every unknown command
	statusKinds  = int(Busy) + 1
)

type meterStripe struct {
	requests [commandKinds][statusKinds]atomic.Uint64
	batches  [commandKinds]latencies // index 0 is batches of several commands
	_        [64]byte                // a cache line between neighbours
}

// Latencies are counted by powers of two: bucket i has those under
// 2^(firstLatency+i) nanoseconds, the last one all that are longer.
const (
	firstLatency   = 10 // 1,024 ns
	latencyBuckets = 26 // up to 17 s, and longer
)

type latencies struct {
	counts [latencyBuckets]atomic.Uint64
	sum    atomic.Int64
}

func (l *latencies) add(took int64) {
	i := bits.Len64(uint64(took) >> firstLatency)
	l.counts[min(i, latencyBuckets-1)].Add(1)
	l.sum.Add(took)
}

// NewMeter returns a Meter that has counted nothing. Only with keys does it
// remember the keys of the slowest and largest requests.
func NewMeter(keys bool) *Meter { return &Meter{keys: keys} }

func (m *Meter) stripe() *meterStripe {
	return &m.stripes[m.sessions.Add(1)%meterStripes]
}

// A tally is a session's own part of the counting. Equal requests in a row, the
// usual thing in a pipeline, are published as one addition.
type tally struct {
	meter  *Meter
	stripe *meterStripe

	command uint8 // of the run
	status  Status
	run     uint64

	batch BatchRecord // since the last measure
	key   [maxRecordedKey]byte
	keyed int
}

// maxRecordedKey is how much of a key is remembered, in bytes.
const maxRecordedKey = 64

// newTally returns nil for a nil Meter.
func newTally(m *Meter) *tally {
	if m == nil {
		return nil
	}
	return &tally{meter: m, stripe: m.stripe()}
}

// request counts one request that was answered. size is that of both frames.
func (t *tally) request(c Command, s Status, size uint64, key []byte) {
	if t == nil {
		return
	}
	kind := uint8(c)
	if int(kind) >= commandKinds {
		kind = 0
	}
	if kind != t.command || s != t.status {
		t.publish()
		t.command, t.status = kind, s
	}
	t.run++
	b := &t.batch
	switch {
	case b.Requests == 0:
		b.command = kind
	case b.command != kind:
		b.command = 0
	}
	b.Requests++
	b.Bytes += size
	if size > b.Largest {
		b.Largest, b.largest = size, kind
		if t.meter.keys {
			t.keyed = copy(t.key[:], key)
		}
	}
}

// keep returns a copy of a key that request will be told of later, if keys
// matter.
func (t *tally) keep(key []byte) []byte {
	if t == nil || !t.meter.keys {
		return nil
	}
	return bytes.Clone(key)
}

func (t *tally) publish() {
	if t.run > 0 {
		t.stripe.requests[t.command][t.status].Add(t.run)
		t.run = 0
	}
}

// measure ends a batch that was received at began and answered at ended.
func (t *tally) measure(began, ended int64) {
	if t == nil || t.batch.Requests == 0 {
		return
	}
	t.publish()
	b := &t.batch
	took := max(ended-began, 0)
	t.stripe.batches[b.command].add(took)
	b.Took, b.at = time.Duration(took), ended
	if t.meter.slowest.wants(ended, took) || t.meter.largest.wants(ended, int64(b.Largest)) {
		b.Key = string(t.key[:t.keyed])
		t.meter.slowest.offer(ended, took, b)
		t.meter.largest.offer(ended, int64(b.Largest), b)
	}
	t.batch, t.keyed = BatchRecord{}, 0
}
