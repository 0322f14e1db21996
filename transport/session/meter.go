package session

import (
	"bytes"
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A Meter counts what the Sessions that share it execute, and how long that
// takes. A nil Meter counts nothing.
//
// Counting costs a request an addition to a field of its session, and a batch a
// few atomic additions. Cache misses dominate that, so everything that a batch
// touches lies together. To keep processors from contending for cache lines,
// sessions are spread over as many stripes of counters as there are processors; Stats
// adds them up.
type Meter struct {
	rankings rankings
	keys     bool
	// sessions counts the sessions that have been given a stripe.
	sessions atomic.Uint32
	stripes  []meterStripe
}

type meterStripe struct {
	// commands is indexed by command; index 0 counts all unknown ones.
	commands [wire.CommandKinds]commandMeter
	// A cache line keeps neighbours apart.
	_ [64]byte
}

// commandMeter begins with what is used most. Index 0 is unknown
// commands for requests, and several commands in one batch for batches.
type commandMeter struct {
	requests [wire.StatusKinds]atomic.Uint64
	// took is the time of all batches, in nanoseconds.
	took    atomic.Int64
	batches [latencyBuckets]atomic.Uint64
}

// Latencies are counted by powers of two: bucket i counts those under
// 2^(firstLatency+i) nanoseconds, the last one all longer ones.
const (
	firstLatency   = 10 // 1,024 ns
	latencyBuckets = 26 // up to 17 s, and longer
)

func (m *commandMeter) batch(took int64) {
	i := bits.Len64(uint64(took) >> firstLatency)
	m.batches[min(i, latencyBuckets-1)].Add(1)
	m.took.Add(took)
}

// NewMeter returns a Meter that has counted nothing. If keys is set it
// remembers the keys of the slowest and largest requests.
func NewMeter(keys bool) *Meter {
	return &Meter{keys: keys, stripes: make([]meterStripe, runtime.GOMAXPROCS(0))}
}

func (m *Meter) stripe() *meterStripe {
	return &m.stripes[m.sessions.Add(1)%uint32(len(m.stripes))]
}

// A requestCounter counts for one session. Equal requests in a row, which are
// common in a pipeline, are published as one addition.
type requestCounter struct {
	stripe *meterStripe
	meter  *Meter

	// command is that of the present run of equal requests.
	command uint8
	status  wire.Status
	run     uint32

	// batchCommand is the command of all requests since the last measure, 0 if they
	// differ. The fields below are of these requests, too.
	batchCommand   uint8
	largestCommand uint8
	requests       uint32
	// bytes is the size of all requests and their answers.
	bytes uint64
	// largest is that of the largest request and its answer.
	largest uint64

	// key is that of the largest request, nil unless keys are recorded.
	key []byte
}

// maxRecordedKey is how much of a key is remembered, in bytes.
const maxRecordedKey = 64

// newRequestCounter returns nil if m is nil.
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

// request counts one request that was answered. size is that of both frames together.
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

// keyForRecord returns a copy of the part of a key that a later call of request will
// record, or nil if keys are not recorded.
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
