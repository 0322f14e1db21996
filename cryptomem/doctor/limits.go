package doctor

import (
	"context"
	"fmt"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
)

// memory asks whether the store fits this machine.
func memory(_ context.Context, r *serverReport) {
	const subject = "memory"
	c := r.Config
	switch {
	case c.MaxMemory == 0:
		r.fine(subject, "chosen to fit the machine")
	case r.Memory == 0:
		r.found(Unknown, subject, "what this machine has cannot be found out", "")
	case c.MaxMemory+c.MaxInFlight > r.Memory:
		r.found(Problem, subject, fmt.Sprintf("max_memory is %s and max_in_flight %s, but this machine or its control group has %s",
			quantity.FormatSize(c.MaxMemory), quantity.FormatSize(c.MaxInFlight), inMiB(r.Memory)),
			"lower both, or the kernel will kill the server when it is full")
	default:
		r.fine(subject, "%s of %s", quantity.FormatSize(c.MaxMemory), inMiB(r.Memory))
	}
}

// inMiB leaves out the bytes below a MiB.
func inMiB(n int64) string { return quantity.FormatSize(n >> 20 << 20) }

// openFiles asks whether as many can connect as are allowed to.
func openFiles(_ context.Context, r *serverReport) {
	const subject = "open files"
	switch {
	case r.MaxFiles == 0:
		r.found(Unknown, subject, "the limit of this process cannot be found out", "")
	case !r.tooFewFiles(subject, r.MaxFiles, r.Config.MaxConnections):
		r.fine(subject, "%d, enough for %d connections", r.MaxFiles, r.Config.MaxConnections)
	}
}

// tooFewFiles reports that fewer can connect than are allowed to, because a process
// may have only so many files open.
func (r *findings) tooFewFiles(subject string, most uint64, connections int) bool {
	need := stats.FilesFor(connections)
	if most >= need {
		return false
	}
	r.found(Problem, subject, fmt.Sprintf("a process may have %d files open, but max_connections is %d", most, connections),
		fmt.Sprintf("raise the limit (ulimit -n %d, LimitNOFILE= in systemd), or lower max_connections", need))
	return true
}

// storePolicy asks what happens when the store is full.
func storePolicy(_ context.Context, r *serverReport) {
	const subject = "full store"
	c := r.Config
	if c.Eviction == "none" && c.DefaultTTL == 0 {
		r.found(Warning, subject, "eviction is none and default_ttl is 0: items without a TTL stay until every write is refused",
			"set default_ttl, or eviction: s3fifo")
		return
	}
	if c.Eviction == "none" {
		r.fine(subject, "refuses writes until items expire")
		return
	}
	r.fine(subject, "drops what is seldom read")
}
