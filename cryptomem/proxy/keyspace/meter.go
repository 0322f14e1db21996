package keyspace

import (
	"context"
	"errors"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/sealing"
)

// Calls are counted by powers of two of the time they took: bucket i has those
// under 2^(firstLatency+i) nanoseconds, the last one all that are longer.
const (
	firstLatency   = 14 // 16 µs
	latencyBuckets = 20 // up to 4.3 s, and longer
)

// A Meter counts what upstreams are asked, how long that takes and how it fails.
// The zero value is ready; it is safe for concurrent use.
type Meter struct {
	requests atomic.Uint64
	took     atomic.Int64 // nanoseconds
	calls    [latencyBuckets]atomic.Uint64
	failed   [reasons]atomic.Uint64
}

// A Reason is why a request failed.
type Reason uint8

// The reasons. The first six are about what an upstream handed out: it did not open,
// or its time is over.
const (
	NotAuthentic Reason = iota
	Expired
	Superseded
	BeforeCut
	Ahead
	Unstamped
	Unavailable
	Timeout
	MaybeApplied
	Busy
	Full
	Denied
	TooLarge
	Other
	reasons
)

// String returns the reason as it is called in metrics.
func (r Reason) String() string {
	return [...]string{
		"not_authentic", "expired", "stale_superseded", "stale_before_cut", "stale_ahead", "stale_unstamped", "unavailable", "timeout", "maybe_applied",
		"busy", "full", "denied", "too_large", "other",
	}[r]
}

// reasonOf tells the reason of a failed request. It reports false if the error is
// an answer.
func reasonOf(err error) (r Reason, failed bool) {
	switch {
	case errors.Is(err, cryptomem.ErrNotAuthentic):
		return NotAuthentic, true
	case errors.Is(err, cryptomem.ErrExpired):
		return Expired, true
	case errors.Is(err, sealing.ErrBeforeCut):
		return BeforeCut, true
	case errors.Is(err, sealing.ErrAhead):
		return Ahead, true
	case errors.Is(err, sealing.ErrUnstamped):
		return Unstamped, true
	case errors.Is(err, cryptomem.ErrStale):
		return Superseded, true
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrLost), errors.Is(err, ErrNotSupported):
		return 0, false
	}
	for _, c := range []struct {
		err    error
		reason Reason
	}{
		{cryptomem.ErrMaybeApplied, MaybeApplied},
		{cryptomem.ErrTimeout, Timeout},
		{context.DeadlineExceeded, Timeout},
		{cryptomem.ErrUnavailable, Unavailable},
		{cryptomem.ErrBusy, Busy},
		{cryptomem.ErrFull, Full},
		{cryptomem.ErrDenied, Denied},
		{ErrTooLarge, TooLarge},
	} {
		if errors.Is(err, c.err) {
			return c.reason, true
		}
	}
	return Other, true
}

// MeterStats is a snapshot of a Meter.
type MeterStats struct {
	Requests uint64 `json:"requests"`
	// All calls together.
	Took time.Duration `json:"took_ns"`
	// Calls by LatencyBounds, and the longer ones.
	Calls []uint64 `json:"calls"`
	// Requests, by reason.
	Failed map[string]uint64 `json:"failed"`
}

// LatencyBounds are the upper bounds of MeterStats.Calls, but for the last.
func LatencyBounds() []time.Duration {
	bounds := make([]time.Duration, latencyBuckets-1)
	for i := range bounds {
		bounds[i] = 1 << (firstLatency + i)
	}
	return bounds
}

// Failed returns how many requests failed for that reason.
func (m *Meter) Failed(r Reason) uint64 { return m.failed[r].Load() }

// Stats returns a snapshot.
func (m *Meter) Stats() MeterStats {
	s := MeterStats{Requests: m.requests.Load(), Took: time.Duration(m.took.Load()), Calls: make([]uint64, latencyBuckets), Failed: make(map[string]uint64)}
	for i := range m.calls {
		s.Calls[i] = m.calls[i].Load()
	}
	for i := range m.failed {
		s.Failed[Reason(i).String()] = m.failed[i].Load()
	}
	return s
}

// Watch returns u with its requests counted.
func (m *Meter) Watch(u Upstream, clk clock.Clock) Upstream { return &metered{u, m, clk} }

type metered struct {
	Upstream
	meter *Meter
	clock clock.Clock
}

// Do implements Upstream.
func (u *metered) Do(ctx context.Context, rs []*Request) {
	began := u.clock.Now()
	u.Upstream.Do(ctx, rs)
	u.meter.called(u.clock.Since(began), rs)
}

// SwapAll implements Upstream. What is not supported counts as no call.
func (u *metered) SwapAll(ctx context.Context, rs []*Request) error {
	began := u.clock.Now()
	err := u.Upstream.SwapAll(ctx, rs)
	if !errors.Is(err, ErrNotSupported) {
		u.meter.called(u.clock.Since(began), rs)
	}
	return err
}

// called counts one call with its requests.
func (m *Meter) called(took time.Duration, rs []*Request) {
	m.requests.Add(uint64(len(rs)))
	m.took.Add(int64(took))
	m.calls[min(bits.Len64(uint64(max(took, 0))>>firstLatency), latencyBuckets-1)].Add(1)
	for _, r := range rs {
		if r.Err == nil || r.Err == ErrNotFound { //nolint:errorlint // the common case, and what wraps it is looked at below
			continue
		}
		if reason, failed := reasonOf(r.Err); failed {
			m.failed[reason].Add(1)
		}
	}
}
