// Package stats is what a server says about itself: one [Report] for all who ask.
// It is the JSON that the STATS command answers, what the admin page draws,
// what its metrics are made of, and what `cryptomem stats` prints.
package stats

import (
	"time"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/snapshot"
	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/session"
)

// A Report is the state of one server. Its fields are the sections that STATS
// can be asked for by name.
type Report struct {
	About   About             `json:"about"`
	Server  serve.ServerStats `json:"server"`
	Cache   cache.Stats       `json:"cache"`
	Process Process           `json:"process"`
	// Snapshot is nil if no snapshot is configured.
	Snapshot *snapshot.Status `json:"snapshot,omitempty"`
	// Identities is empty unless clients authenticate.
	Identities []access.Use `json:"identities,omitempty"`
}

// About says which server it is.
type About struct {
	Version string `json:"version"`
	// Addr is where the server listens.
	Addr []string `json:"addr"`
	// Started by its wall clock.
	Started time.Time `json:"started"`
	// The same, when the report was made.
	Now time.Time `json:"now"`
}

// Process is what the operating system and the Go runtime say.
type Process struct {
	// Memory in RAM, in bytes; 0 where it is not known.
	Resident int64 `json:"resident"`
	// Heap of that, the Go heap, garbage included.
	Heap int64 `json:"heap"`
	// Used since the start, all threads.
	CPU        time.Duration `json:"cpu_ns"`
	Goroutines int           `json:"goroutines"`
	// Open files and connections allowed; 0 where it is not known.
	MaxFiles uint64 `json:"max_files"`
}

// Requests returns how many requests of a command ended in a status; an empty
// name counts all.
func (r *Report) Requests(command, status string) (n uint64) {
	for _, c := range r.Server.Requests {
		if (command == "" || c.Command == command) && (status == "" || c.Status == status) {
			n += c.Count
		}
	}
	return n
}

// HitRatio returns the part of reads that found an item, from 0 to 1, and false
// if there was no read.
func (r *Report) HitRatio() (float64, bool) {
	reads := r.Cache.Hits + r.Cache.Misses
	return float64(r.Cache.Hits) / float64(max(reads, 1)), reads > 0
}

// Latency returns the time within which the part q of all batches were
// answered, such as 0.99, and false if there was none. It is the upper bound of
// a bucket: at most twice the truth.
func (r *Report) Latency(q float64) (time.Duration, bool) {
	bounds := session.LatencyBounds()
	counts := make([]uint64, len(bounds)+1)
	total := uint64(0)
	for _, b := range r.Server.Batches {
		for i, n := range b.Counts {
			if i < len(counts) {
				counts[i] += n
				total += n
			}
		}
	}
	if total == 0 {
		return 0, false
	}
	rank := uint64(q * float64(total))
	for i, n := range counts[:len(bounds)] {
		if rank < n {
			return bounds[i], true
		}
		rank -= n
	}
	return 2 * bounds[len(bounds)-1], true
}
