package session

import (
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// RequestStats is a snapshot of a Meter. Counters of different commands may be from
// slightly different instants.
type RequestStats struct {
	Requests []RequestCount `json:"requests"`
	Batches  []BatchLatency `json:"batches"`
	// Slowest lists batches of the last minute or two, slowest first.
	Slowest []BatchRecord `json:"slowest"`
	// Largest lists them with the largest request first.
	Largest []BatchRecord `json:"largest"`
}

// RequestCount is how many requests of a command ended in a status.
type RequestCount struct {
	// Command is that of Command.String, or "unknown".
	Command string `json:"command"`
	// Status is "ok", "not_found", "error", "exists", "denied" or "busy".
	Status string `json:"status"`
	Count  uint64 `json:"count"`
}

// BatchLatency says how long batches of requests took, from their arrival until
// their answers were written.
type BatchLatency struct {
	// Command is that of all requests, or "mixed".
	Command string `json:"command"`
	// Counts is by LatencyBounds; the last one counts what is longer than all bounds.
	Counts []uint64      `json:"counts"`
	Sum    time.Duration `json:"sum_ns"`
}

// LatencyBounds returns the upper bounds of the buckets of BatchLatency.
func LatencyBounds() []time.Duration {
	bounds := make([]time.Duration, latencyBuckets-1)
	for i := range bounds {
		bounds[i] = 1 << (firstLatency + i)
	}
	return bounds
}

// Stats returns a snapshot at the instant now. Commands that were never used
// are left out.
func (m *Meter) Stats(now int64) RequestStats {
	var st RequestStats
	st.Slowest, st.Largest = m.rankings.records(now)
	for c := range wire.CommandKinds {
		for s := range wire.StatusKinds {
			n := uint64(0)
			for i := range m.stripes {
				n += m.stripes[i].commands[c].requests[s].Load()
			}
			if n > 0 {
				label := strings.ReplaceAll(wire.Status(s).String(), " ", "_")
				st.Requests = append(st.Requests, RequestCount{commandLabel(c), label, n})
			}
		}
		if l := m.latency(c); l.Command != "" {
			st.Batches = append(st.Batches, l)
		}
	}
	return st
}

// latency adds the stripes up; its Command is empty if there is nothing.
func (m *Meter) latency(c int) BatchLatency {
	l := BatchLatency{Counts: make([]uint64, latencyBuckets)}
	total := uint64(0)
	for i := range m.stripes {
		from := &m.stripes[i].commands[c]
		for j := range l.Counts {
			n := from.batches[j].Load()
			l.Counts[j] += n
			total += n
		}
		l.Sum += time.Duration(from.took.Load())
	}
	switch {
	case total == 0:
	case c == 0:
		l.Command = "mixed"
	default:
		l.Command = commandLabel(c)
	}
	return l
}

func commandLabel(c int) string {
	if c == 0 {
		return "unknown"
	}
	return wire.Command(c).String()
}
