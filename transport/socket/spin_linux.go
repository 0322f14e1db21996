package socket

import (
	"runtime"

	"golang.org/x/sys/unix"
)

const (
	// spinReads is how often bytes are looked for before the thread sleeps: for some
	// 30 µs. To wake a thread on a processor that has gone idle often takes as long,
	// so that whoever gets an answer meanwhile has it sooner, and for less.
	spinReads = 100

	// maxSpinPause is how many reads do without, at the most, where looking keeps
	// being in vain.
	maxSpinPause = 1024

	// crowdedLook is after how many looks it is found out whether others want the
	// processors, which then do not go idle; crowdedPause is how many reads do without
	// where the program has lost one crowdedTimes meanwhile.
	crowdedLook  = 1024
	crowdedTimes = 4
	crowdedPause = 8 * crowdedLook
)

// canSpin is false where nobody could send while somebody looks for it.
var canSpin = runtime.NumCPU() > 1 && runtime.GOMAXPROCS(0) > 1

// spin decides whether to look for bytes is worth the time. The zero value is ready.
// After each time in vain it lets twice as many reads pass.
type spin struct {
	// Reads to let pass.
	left int
	// left after the next time in vain.
	pause int

	looks int
	// How often the program had lost a processor to another.
	lost int64
}

// worthwhile is asked before each read.
func (s *spin) worthwhile() bool {
	if !canSpin {
		return false
	}
	if s.left > 0 {
		s.left--
		return false
	}
	return true
}

// ended says whether bytes came in time.
func (s *spin) ended(inTime bool) {
	if s.looks%crowdedLook == 0 {
		s.crowded(timesPreempted())
	}
	s.looks++
	if inTime {
		s.pause = 0
		return
	}
	s.pause = min(max(2*s.pause, 1), maxSpinPause)
	s.left = max(s.left, s.pause)
}

// crowded makes a long pause if the program has lost processors to others since it was
// last asked, so many times in all.
func (s *spin) crowded(lost int64) {
	if s.looks > 0 && lost-s.lost >= crowdedTimes {
		s.left = crowdedPause
	}
	s.lost = lost
}

// timesPreempted returns how often the program's threads have lost their processor to
// another program's.
func timesPreempted() int64 {
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return int64(usage.Nivcsw)
}
