//go:build unix

package snapshot

import (
	"io"
	"os"
	"syscall"
)

// setLock locks the whole file for this process, or fails at once.
func setLock(file *os.File) error {
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	return syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &lock)
}

// lockHolder returns the process that has the file locked, 0 if none has.
func lockHolder(file *os.File) (pid int, err error) {
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_GETLK, &lock); err != nil || lock.Type == syscall.F_UNLCK {
		return 0, err
	}
	return int(lock.Pid), nil
}
