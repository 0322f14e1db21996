package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

// ErrInUse says that a path is taken for another snapshot.
var ErrInUse = errors.New("in use")

// lockSuffix is appended to a snapshot's path. The snapshot itself cannot be
// locked: each save replaces it by another file.
const lockSuffix = ".lock"

// fileMode keeps other users from holding the lock.
const fileMode = 0o600

// maxSignature is the longest process ID, in decimal digits.
const maxSignature = 20

// A Lock keeps others from a snapshot's path.
type Lock struct{ file *os.File }

// Acquire takes the path. It fails at once, with ErrInUse and the process ID, if
// it is taken already; and if nothing could be saved there.
//
// The lock is the kernel's, on path with ".lock" appended (fcntl(2),
// F_OFD_SETLK): it ends with the process, however that ends, and the file that
// stays behind means nothing. The process ID in it is for messages only. On
// other systems than Linux the lock is one that its own process does not meet
// (F_SETLK), and loses by another Acquire or InUse; where the system is no Unix,
// no other process is kept away.
func Acquire(path string) (*Lock, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path+lockSuffix, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("lock snapshot: %w", err)
	}
	if err := setLock(file); err != nil {
		if taken, _ := isLocked(file); taken {
			err = inUse(file)
		}
		// nothing was written to it
		_ = file.Close()
		return nil, fmt.Errorf("snapshot %s: %w", path, err)
	}
	sign(file)
	return &Lock{file}, nil
}

// Release lets others have the path.
func (l *Lock) Release() error { return l.file.Close() }

// InUse returns ErrInUse, with the process ID, if the path is taken, and nil if
// it is free. It takes nothing, so that asking keeps no other process away.
func InUse(path string) error {
	file, err := os.Open(path + lockSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only asked about
	taken, err := isLocked(file)
	if taken {
		err = inUse(file)
	}
	return err
}

// sign writes the process ID to the lock file, for messages: where it cannot,
// others are told less, but are kept away all the same. A link's target and a
// file with more in it than a process ID are not this package's to write to.
func sign(file *os.File) {
	opened, err := file.Stat()
	named, errNamed := os.Lstat(file.Name())
	if err != nil || errNamed != nil || !os.SameFile(opened, named) || opened.Size() > maxSignature {
		return
	}
	_ = file.Truncate(0)
	_, _ = file.WriteAt(strconv.AppendInt(nil, int64(os.Getpid()), 10), 0)
}

// inUse names the process that says in the file that it has it locked.
func inUse(file *os.File) error {
	var text [maxSignature]byte
	n, _ := file.ReadAt(text[:], 0)
	if pid, err := strconv.Atoi(string(text[:n])); err == nil && pid > 0 {
		return fmt.Errorf("%w by process %d", ErrInUse, pid)
	}
	return fmt.Errorf("%w by another process", ErrInUse)
}

func kind(mode fs.FileMode) string {
	if mode.IsDir() {
		return "a directory"
	}
	return "a device, socket or pipe"
}
