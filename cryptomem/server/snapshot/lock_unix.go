//go:build unix

package snapshot

import (
	"io"
	"os"
	"syscall"
)

// setLock locks the whole file, or fails at once.
func setLock(file *os.File) error {
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	return syscall.FcntlFlock(file.Fd(), commandSet, &lock)
}

// isLocked reports whether the file is locked by way of another descriptor.
func isLocked(file *os.File) (bool, error) {
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	err := syscall.FcntlFlock(file.Fd(), commandGet, &lock)
	return err == nil && lock.Type != syscall.F_UNLCK, err
}
