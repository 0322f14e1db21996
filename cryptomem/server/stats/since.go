package stats

import (
	"fmt"
	"slices"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/transport/session"
)

// Since returns what happened from an earlier report of the same server to r:
// counters are differences, everything else is as in r. It fails if the server
// was restarted in between.
func (r *Report) Since(earlier *Report) (*Report, error) {
	if !r.About.Started.Equal(earlier.About.Started) {
		return nil, fmt.Errorf("the server was restarted at %v", r.About.Started.Format(time.RFC3339))
	}
	d := *r
	d.Process.CPU -= earlier.Process.CPU
	subtract([]counter[uint64]{
		{&d.Server.Accepted, earlier.Server.Accepted},
		{&d.Server.Refused, earlier.Server.Refused},
		{&d.Server.Unread, earlier.Server.Unread},
		{&d.Server.FramingErrors, earlier.Server.FramingErrors},
		{&d.Server.Ended, earlier.Server.Ended},
		{&d.Server.Handshakes, earlier.Server.Handshakes},
		{&d.Server.IdleTimeouts, earlier.Server.IdleTimeouts},
		{&d.Server.FrameTimeouts, earlier.Server.FrameTimeouts},
		{&d.Server.WriteTimeouts, earlier.Server.WriteTimeouts},
		{&d.Server.AuthTimeouts, earlier.Server.AuthTimeouts},
		{&d.Server.HandshakeTimeouts, earlier.Server.HandshakeTimeouts},
		{&d.Cache.Hits, earlier.Cache.Hits},
		{&d.Cache.Misses, earlier.Cache.Misses},
		{&d.Cache.Sets, earlier.Cache.Sets},
		{&d.Cache.Refused, earlier.Cache.Refused},
		{&d.Cache.Deleted, earlier.Cache.Deleted},
		{&d.Cache.Expired, earlier.Cache.Expired},
		{&d.Cache.Evicted, earlier.Cache.Evicted},
		{&d.Cache.MovedBytes, earlier.Cache.MovedBytes},
	})
	subtract([]counter[int64]{
		{&d.Server.BytesReceived, earlier.Server.BytesReceived},
		{&d.Server.BytesSent, earlier.Server.BytesSent},
	})
	d.Server.Requests = slices.Clone(r.Server.Requests)
	for i := range d.Server.Requests {
		c := &d.Server.Requests[i]
		c.Count -= earlier.Requests(c.Command, c.Status)
	}
	d.Server.Batches = slices.Clone(r.Server.Batches)
	for i := range d.Server.Batches {
		d.Server.Batches[i] = batchesSince(d.Server.Batches[i], earlier.Server.Batches)
	}
	if r.Snapshot != nil && earlier.Snapshot != nil {
		s := *r.Snapshot
		subtract([]counter[uint64]{{&s.Saves, earlier.Snapshot.Saves}, {&s.Failures, earlier.Snapshot.Failures}})
		d.Snapshot = &s
	}
	d.Identities = slices.Clone(r.Identities)
	for i := range d.Identities {
		d.Identities[i] = useSince(d.Identities[i], earlier.Identities)
	}
	return &d, nil
}

// A counter is one of the report to come, and what it was earlier.
type counter[T int64 | uint64] struct {
	now     *T
	earlier T
}

func subtract[T int64 | uint64](counters []counter[T]) {
	for _, c := range counters {
		*c.now -= c.earlier
	}
}

func batchesSince(b session.BatchLatency, earlier []session.BatchLatency) session.BatchLatency {
	for _, e := range earlier {
		if e.Command != b.Command || len(e.Counts) != len(b.Counts) {
			continue
		}
		counts := make([]uint64, len(b.Counts))
		for i := range counts {
			counts[i] = b.Counts[i] - e.Counts[i]
		}
		return session.BatchLatency{Command: b.Command, Counts: counts, Sum: b.Sum - e.Sum}
	}
	return b
}

func useSince(u access.Use, earlier []access.Use) access.Use {
	for _, e := range earlier {
		if e.Identity == u.Identity {
			// Of the others together, some may have become busy enough to be told of.
			e.Requests, e.Denied, e.MemoryRefused = min(e.Requests, u.Requests), min(e.Denied, u.Denied), min(e.MemoryRefused, u.MemoryRefused)
			subtract([]counter[uint64]{{&u.Requests, e.Requests}, {&u.Denied, e.Denied}, {&u.MemoryRefused, e.MemoryRefused}})
		}
	}
	return u
}
