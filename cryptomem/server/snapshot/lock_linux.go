package snapshot

import "golang.org/x/sys/unix"

// The lock belongs to the open file: it ends with that, and not as soon as the
// process closes any other descriptor of the same file.
const (
	commandSet = unix.F_OFD_SETLK
	commandGet = unix.F_OFD_GETLK
)
