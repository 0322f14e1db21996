package safefile

import (
	"io"
	"os"
)

// A Disk is where files are, as far as [ReplaceThrough] needs one: [OS], or one of a
// simulator, which breaks. Names that it renames or that are missing are reported as
// package os does.
type Disk interface {
	// Create makes a new file for writing that only its owner may access, and fails
	// with fs.ErrExist where there is one already.
	Create(name string) (File, error)
	// Open is [Open]. The size is in bytes.
	Open(name string) (f File, size int64, err error)
	Rename(from, to string) error
	Remove(name string) error
	// SyncFolder makes names last that were given to files in the folder.
	SyncFolder(name string) error
}

// A File is an open file of a Disk.
type File interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Name() string
	// Sync makes last what was written.
	Sync() error
}

// OS is the machine's disk.
var OS Disk = machine{}

type machine struct{}

func (machine) Create(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateMode)
	if err != nil {
		return nil, err // and not a nil of another type
	}
	return f, nil
}

func (machine) Open(name string) (File, int64, error) {
	f, info, err := Open(name)
	if err != nil {
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func (machine) Rename(from, to string) error { return os.Rename(from, to) }
func (machine) Remove(name string) error     { return os.Remove(name) }
func (machine) SyncFolder(name string) error { return syncFolder(name) }
