//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// How long a server waits for another one that looks at sockets in the same
// directory, and how often it tries.
const (
	lockTimeout = 5 * time.Second
	lockPause   = 5 * time.Millisecond
)

// lockDirectory returns when no other server holds the directory's lock
// (flock(2)). It ends with the returned call, or with the process. A directory
// that may not be listed is not locked.
func lockDirectory(ctx context.Context, dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrPermission) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil // which unlocks it
		}
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
			select {
			case <-time.After(lockPause):
				continue
			case <-ctx.Done():
				err = fmt.Errorf("another process has locked it for %v", lockTimeout)
			}
		}
		// nothing was written
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
}
