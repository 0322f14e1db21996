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
	// beginMemory is about what the beginning of a connection takes that it needs no
	// longer when it is idle, in bytes: a stack, and buffers. Several times as much
	// with TLS.
	beginMemory = 8 << 10
	// minScavenge is the least worth giving back, in bytes.
	minScavenge = 1 << 20
)

// A scavenger notices that clients have left who took memory with them, or that many
// have begun. Go's runtime keeps such memory for minutes; a server that was flooded,
// or attacked, is to be as small as before as soon as that is over.
type scavenger struct {
	peak int64
	// Connections that had been accepted when it last was due.
	begun uint64
	last  serve.ServerStats
}

// due reports whether a quarter and more of what connections took has become
// free since it last did, or a crowd of connections has begun and no more come.
func (e *scavenger) due(now serve.ServerStats) bool {
	came := now.Accepted - e.last.Accepted
	crowd := now.Accepted - e.begun
	// some of them may have left by now
	load := int64(now.Connections)*connectionMemory + now.InFlight
	e.peak = max(e.peak, load, (int64(came)+int64(e.last.Connections))*connectionMemory)
	e.last = now
	left := e.peak-load >= minScavenge && load <= e.peak/4*3
	settled := crowd*beginMemory >= minScavenge && came <= crowd/100
	if !left && !settled {
		return false
	}
	e.peak, e.begun = load, now.Accepted
	return true
}
