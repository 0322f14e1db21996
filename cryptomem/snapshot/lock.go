package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ErrInUse says that another process keeps its snapshot at a path.
var ErrInUse = errors.New("in use")

// lockSuffix is appended to a snapshot's path. The snapshot itself cannot be
// locked: each save replaces it by another file.
const lockSuffix = ".lock"

// A Lock keeps other processes from a snapshot's path.
type Lock struct{ file *os.File }

// Acquire takes the path for this process. It fails at once, with ErrInUse and
// the other's process ID, if another process has it; and if nothing could be
// saved there.
//
// The lock is the kernel's, on path with ".lock" appended (fcntl(2), F_SETLK): it
// ends with the process, however that ends, and the file that stays behind means
// nothing. It is held against other processes, not against this one. Where the
// system is no Unix, nobody is kept away.
func Acquire(path string) (*Lock, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("snapshot %s: %w: it is %s, not a file", path, fs.ErrInvalid, kind(info.Mode()))
	}
	file, err := os.OpenFile(path+lockSuffix, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("lock snapshot: %w", err)
	}
	if err := setLock(file); err != nil {
		holder, _ := lockHolder(file)
		_ = file.Close() // nothing was written to it
		if holder != 0 {
			err = inUse(holder)
		}
		return nil, fmt.Errorf("snapshot %s: %w", path, err)
	}
	return &Lock{file}, nil
}

// Release lets others have the path.
func (l *Lock) Release() error { return l.file.Close() }

// InUse returns ErrInUse, with the process ID, if another process has the path,
// and nil if it is free. It takes nothing, so that nobody is kept away by asking.
func InUse(path string) error {
	file, err := os.Open(path + lockSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only asked about
	holder, err := lockHolder(file)
	if holder != 0 {
		err = inUse(holder)
	}
	return err
}

func inUse(holder int) error { return fmt.Errorf("%w by process %d", ErrInUse, holder) }

func kind(mode fs.FileMode) string {
	if mode.IsDir() {
		return "a directory"
	}
	return "a device, socket or pipe"
}
