package socket

import (
	"runtime"

	"golang.org/x/sys/unix"
)

const (
	// spinReads is how many times to try a read before the thread sleeps: about
	// 30 µs. Waking a thread on an idle processor often takes as long, so an
	// answer that arrives meanwhile is received sooner, and at less cost.
	spinReads = 100

	// maxSpinPause is how many reads in a row go without spinning, at most, where
	// spinning keeps being in vain.
	maxSpinPause = 1024

	// After every crowdedLook spins, the program checks whether other programs want the
	// processors, which then are not idle. If it has lost a processor
	// crowdedTimes meanwhile, crowdedPause reads go without spinning.
	crowdedLook  = 1024
	crowdedTimes = 4
	crowdedPause = 8 * crowdedLook
)

// canSpin is false with one processor: the sender could not run during a spin.
var canSpin = runtime.NumCPU() > 1 && runtime.GOMAXPROCS(0) > 1

// spin decides whether spinning for bytes is worth the time. The zero value is ready.
// Each time in vain doubles how many reads go without it.
type spin struct {
	// left is how many reads still go without spinning.
	left int
	// pause is what left became after the last time in vain; it doubles each time.
	pause int

	looks int
	// lost is how often the program had lost a processor to another one at the last check.
	lost int64
}

// worthwhile reports whether the next read should spin.
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

// ended notes the end of a spin, and whether bytes arrived in time.
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

// crowded starts a long pause if the program has lost processors to other programs
// often since the last call. lost is how often in all.
func (s *spin) crowded(lost int64) {
	if s.looks > 0 && lost-s.lost >= crowdedTimes {
		s.left = crowdedPause
	}
	s.lost = lost
}

// timesPreempted returns how often the program's threads have lost their processor to
// other programs.
func timesPreempted() int64 {
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return int64(usage.Nivcsw)
}
