//go:build unix && !linux

package snapshot

import "syscall"

// The lock belongs to the process: its own locks are none to it, and it loses
// them when it closes any descriptor of the file.
const (
	commandSet = syscall.F_SETLK
	commandGet = syscall.F_GETLK
)
