//go:build unix

package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// ownerOf returns whose the file is, and whether that is known here.
func ownerOf(info fs.FileInfo) (owner, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return owner{}, false
	}
	return owner{int(s.Uid), []int{int(s.Gid)}}, true
}

// self is who this process is.
func self() owner {
	// without them, there is the one below
	groups, _ := os.Getgroups()
	return owner{os.Geteuid(), append(groups, os.Getegid())}
}

// alike gives f the owner, group and mode of another file.
func alike(f *os.File, other fs.FileInfo) error {
	whose, _ := ownerOf(other)
	now, err := f.Stat()
	if err != nil {
		return err
	}
	if is, _ := ownerOf(now); is.user != whose.user || is.groups[0] != whose.groups[0] {
		if err := f.Chown(whose.user, whose.groups[0]); err != nil {
			return fmt.Errorf("it belongs to the user %d and the group %d, and a new file in its place would not: %w", whose.user, whose.groups[0], errors.Unwrap(err))
		}
	}
	mode := other.Mode().Perm()
	if mode&0o007 != 0 {
		mode = privateMode
	}
	return f.Chmod(mode)
}

// syncFolder makes names last that were given to files in it.
func syncFolder(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
