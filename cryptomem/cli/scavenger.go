package cli

import (
	"time"

	"github.com/Zezezknight/cryptomem/transport/serve"
)

const (
	// scavengeInterval is how often it is looked whether connections have left.
	scavengeInterval = time.Second
	// connectionMemory is about what a connection takes, in bytes: 2 KiB when it
	// is idle, 84 when it does not read its answers.
	connectionMemory = 16 << 10
	// minScavenge is the least worth giving back, in bytes.
	minScavenge = 1 << 20
)

// A scavenger notices that clients have left who took memory with them. Go's runtime
// keeps such memory for minutes; a server that was flooded, or attacked, is to
// be as small as before as soon as that is over.
type scavenger struct {
	peak int64
	last serve.ServerStats
}

// due reports whether a quarter and more of what connections took has become
// free since it last did.
func (e *scavenger) due(now serve.ServerStats) bool {
	// some of them may have left by now
	came := int64(now.Accepted-e.last.Accepted) + int64(e.last.Connections)
	load := int64(now.Connections)*connectionMemory + now.InFlight
	e.peak = max(e.peak, load, came*connectionMemory)
	e.last = now
	if e.peak-load < minScavenge || load > e.peak/4*3 {
		return false
	}
	e.peak = load
	return true
}
