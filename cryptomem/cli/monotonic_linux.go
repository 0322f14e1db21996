package cli

import "golang.org/x/sys/unix"

// monotonicUsec is the time of CLOCK_MONOTONIC, in microseconds.
func monotonicUsec() (int64, bool) {
	var t unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return t.Nano() / 1000, err == nil
}
