package session

import (
	"bytes"
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A Meter counts what the Sessions that share it execute, and how long it
// takes. A nil Meter counts nothing.
//
// Counting costs a request an addition to a field of its session, and a batch a
// few atomic additions. What dominates is memory that is not in the processor's
// cache, so all that a batch touches lies together. To keep the cores out of
// each other's way, sessions are spread over as many stripes of counters as
// there are cores; Stats adds them up.
type Meter struct {
	rankings rankings
	keys     bool
	// Handed a stripe so far.
	sessions atomic.Uint32
	stripes  []meterStripe
}

type meterStripe struct {
	// commands by command; index 0 is every unknown one.
	commands [wire.CommandKinds]commandMeter
	// A cache line between neighbours.
	_ [64]byte
}

// commandMeter begins with what is used most. Of requests, index 0 is unknown
// commands; of batches, it is those of several commands.
type commandMeter struct {
	requests [wire.StatusKinds]atomic.Uint64
	// took by all batches, in nanoseconds.
	took    atomic.Int64
	batches [latencyBuckets]atomic.Uint64
}

// Latencies are counted by powers of two: bucket i has those under
// 2^(firstLatency+i) nanoseconds, the last one all that are longer.
const (
	firstLatency   = 10 // 1,024 ns
	latencyBuckets = 26 // up to 17 s, and longer
)

func (m *commandMeter) batch(took int64) {
	i := bits.Len64(uint64(took) >> firstLatency)
	m.batches[min(i, latencyBuckets-1)].Add(1)
	m.took.Add(took)
}

// NewMeter returns a Meter that has counted nothing. Only with keys does it
// remember the keys of the slowest and largest requests.
func NewMeter(keys bool) *Meter {
	return &Meter{keys: keys, stripes: make([]meterStripe, runtime.GOMAXPROCS(0))}
}

func (m *Meter) stripe() *meterStripe {
	return &m.stripes[m.sessions.Add(1)%uint32(len(m.stripes))]
}

// A requestCounter is a session's own part of the counting. Equal requests in a row, the
// usual thing in a pipeline, are published as one addition.
type requestCounter struct {
	stripe *meterStripe
	meter  *Meter

	// command of the run of equal requests.
	command uint8
	status  wire.Status
	run     uint32

	// The batch since the last measure.
	batchCommand   uint8 // of all requests, 0 if they differ
	largestCommand uint8
	requests       uint32
	// bytes of all requests and their answers.
	bytes uint64
	// largest of one of them.
	largest uint64

	// key of the largest request, nil unless keys are recorded.
	key []byte
}

// maxRecordedKey is how much of a key is remembered, in bytes.
const maxRecordedKey = 64

// newRequestCounter returns nil for a nil Meter.
func newRequestCounter(m *Meter) *requestCounter {
	if m == nil {
		return nil
	}
	t := &requestCounter{meter: m, stripe: m.stripe()}
	if m.keys {
		t.key = make([]byte, 0, maxRecordedKey)
	}
	return t
}

// request counts one request that was answered. size is that of both frames.
func (t *requestCounter) request(c wire.Command, s wire.Status, size uint64, key []byte) {
	if t == nil {
		return
	}
	kind := uint8(c)
	if !c.Known() {
		kind = 0
	}
	if kind != t.command || s != t.status {
		t.publish()
		t.command, t.status = kind, s
	}
	t.run++
	switch {
	case t.requests == 0:
		t.batchCommand = kind
	case t.batchCommand != kind:
		t.batchCommand = 0
	}
	t.requests++
	t.bytes += size
	if size > t.largest {
		t.largest, t.largestCommand = size, kind
		if t.key != nil {
			t.key = append(t.key[:0], key[:min(len(key), maxRecordedKey)]...)
		}
	}
}

// keyForRecord returns a copy of what is recorded of a key that request will be told of
// later, if keys matter.
func (t *requestCounter) keyForRecord(key []byte) []byte {
	if t == nil || !t.meter.keys {
		return nil
	}
	return bytes.Clone(key[:min(len(key), maxRecordedKey)])
}

func (t *requestCounter) publish() {
	if t.run > 0 {
		t.stripe.commands[t.command].requests[t.status].Add(uint64(t.run))
		t.run = 0
	}
}

// measure ends a batch that was received at began and answered at ended.
func (t *requestCounter) measure(began, ended int64) {
	if t == nil || t.requests == 0 {
		return
	}
	t.publish()
	took := max(ended-began, 0)
	t.stripe.commands[t.batchCommand].batch(took)
	if r := &t.meter.rankings; r.want(ended, took, int64(t.largest)) {
		r.offer(ended, BatchRecord{
			Command: commandLabel(int(t.largestCommand)), Key: string(t.key),
			Requests: uint64(t.requests), Largest: t.largest, Bytes: t.bytes, Took: time.Duration(took),
		})
	}
	t.requests, t.bytes, t.largest, t.key = 0, 0, 0, t.key[:0]
}
