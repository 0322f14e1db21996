package socket

import (
	"time"

	"golang.org/x/sys/unix"
)

// await waits in the kernel until one of the events has come, for at most so long,
// and reports whether one has.
//
// The thread waits, and the scheduler is told: who calls this expects that it takes
// less than to park a goroutine and to wake it.
func await(fd int, events int16, atMost time.Duration) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: events}}
	timeout := unix.NsecToTimespec(int64(atMost))
	n, err := unix.Ppoll(fds[:], &timeout, nil)
	return n > 0 && err == nil
}
