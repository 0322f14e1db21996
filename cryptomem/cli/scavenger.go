package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/Zezezknight/cryptomem/transport/serve"
)

const (
	// scavengeInterval is how often it is looked whether there is something to give
	// back.
	scavengeInterval = time.Second
	// connectionMemory is about what a connection takes, in bytes: half a KiB when
	// it is idle, 84 when it does not read its answers.
	connectionMemory = 16 << 10
	// beginMemory is about what the beginning of a connection takes that it needs no
	// longer when it is idle, in bytes: a stack, and buffers. Several times as much
	// with TLS.
	beginMemory = 8 << 10
	// minScavenge is the least worth giving back, in bytes.
	minScavenge = 1 << 20
	// serverGCPercent is how much garbage a server has before it is collected, in
	// percent of what is alive. Items are no garbage, and requests make none, so that
	// there is little to collect, and little to look at.
	serverGCPercent = 25
	// busyGCPercent is for while there is much garbage, as handshakes of TLS make it:
	// collected as early, it would cost them a tenth more time.
	busyGCPercent = 200
	// busyCollections is how often garbage is collected in scavengeInterval when
	// there is much of it.
	busyCollections = 8
	// quietIntervals is for how many times scavengeInterval there is little garbage
	// before it is collected early again.
	quietIntervals = 5
)

// A scavenger keeps the memory that the process needs in addition to its items small.
//
// It notices that clients have left who took memory with them, or that many have
// begun. Go's runtime keeps such memory for minutes; a server that was flooded, or
// attacked, is to be as small as before as soon as that is over.
//
// And it gives pages of the program back that only its start, or something rare such
// as a collection of garbage, has looked at.
type scavenger struct {
	peak int64
	// Connections that had been accepted when it last was due.
	begun   uint64
	last    serve.ServerStats
	program programPages
	// collections counts garbage collections so far.
	collections uint64
	// How much garbage there may be, in percent of what is alive; 0 if that is not to be
	// changed.
	percent int
	// Intervals since there was much garbage.
	quiet int
}

// newScavenger gives back what only the start of the program needed.
func newScavenger() *scavenger {
	e := &scavenger{program: findProgram()}
	if os.Getenv("GOGC") == "" {
		e.percent = serverGCPercent
	}
	debug.FreeOSMemory()
	e.program.discardAll()
	e.collections = collections()
	return e
}

// collectEarly makes a server keep little garbage, unless the environment says how
// much.
func collectEarly() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(serverGCPercent)
	}
}

// settle gives back what is not needed any more. It is called every
// scavengeInterval.
func (e *scavenger) settle(now serve.ServerStats) {
	if e.due(now) {
		// for what pools keep until the second one
		runtime.GC()
		debug.FreeOSMemory()
	}
	n := collections()
	if e.pace(n - e.collections) {
		debug.SetGCPercent(e.percent)
		if e.percent == serverGCPercent {
			debug.FreeOSMemory()
		}
	}
	e.collections = n
	e.program.discardConstants()
}

// pace chooses how much garbage there may be, after it was collected so often in the
// last interval. It reports whether that has changed.
func (e *scavenger) pace(collected uint64) (changed bool) {
	before := e.percent
	switch {
	case before == 0:
	case collected >= busyCollections:
		e.percent, e.quiet = busyGCPercent, 0
	case collected > 0:
		e.quiet = 0
	case e.quiet < quietIntervals:
		e.quiet++
	default:
		e.percent = serverGCPercent
	}
	return e.percent != before
}

// collections returns how often garbage has been collected.
func collections() uint64 {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		// a runtime that no longer knows this metric
		return 0
	}
	return sample[0].Value.Uint64()
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
