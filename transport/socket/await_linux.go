package socket

import (
	"time"

	"golang.org/x/sys/unix"
)

// await waits in the kernel until one of the events has come, for at most atMost,
// and reports whether one has.
//
// It blocks the thread, and tells the scheduler so: for waits that are shorter than
// parking a goroutine and waking it.
func await(fd int, events int16, atMost time.Duration) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: events}}
	timeout := unix.NsecToTimespec(int64(atMost))
	n, err := unix.Ppoll(fds[:], &timeout, nil)
	return n > 0 && err == nil
}
