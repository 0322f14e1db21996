// Package safefile reads and writes the files that a program rests on: keys,
// tokens, certificates, configuration, snapshots.
//
//	text, err := safefile.Read("config.yaml", 1<<20)       // bounded, and never waits
//	text, err := safefile.ReadSecret("key.json", 1<<20)    // and nobody else could have read or put it there
//	err := safefile.Create("web.token", text)              // new, and its owner's alone
//	err := safefile.Replace("key.json", safefile.Alike, write)
//
// Programs read such files again while they run, so whatever stands under a name
// by then must neither stop them nor fill their memory. And they may be killed at
// any moment, so a file is either the old one or the new one, whole. What files
// say is nothing to this package.
package safefile

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Open opens a regular file for reading. It refuses everything else: a named pipe
// would be waited for, a device might never end. Symbolic links are followed.
func Open(name string) (*os.File, fs.FileInfo, error) {
	// Not to block, opening does not wait for a writer to a pipe; then
	// the open file is asked what it is, so that it cannot be another by now.
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notRegular(name)
	}
	if err != nil {
		// nothing was written
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// notRegular names what is no regular file. It is fs.ErrInvalid.
type notRegular string

func (e notRegular) Error() string { return string(e) + " is not a regular file" }
func (e notRegular) Unwrap() error { return fs.ErrInvalid }

// Read returns what a file holds that [Open] opens, and refuses one of more than
// limit bytes. A byte order mark in front is left out: some editors put one there.
func Read(name string, limit int64) ([]byte, error) {
	f, info, err := Open(name)
	if err != nil {
		return nil, err
	}
	// it was only read
	defer func() { _ = f.Close() }()
	return read(f, info, limit)
}

// ReadSecret is Read of a file that must be kept from others. Where anybody but
// this process's user, or root, could have read it or put it there, the error is an
// [ExposedError]. The caller clears the text.
func ReadSecret(name string, limit int64) ([]byte, error) { return readSecret(name, limit, false) }

// ReadSecretOfAny is ReadSecret for tools that keep other users' files in order:
// run by root, it takes a file of any owner.
func ReadSecretOfAny(name string, limit int64) ([]byte, error) { return readSecret(name, limit, true) }

func readSecret(name string, limit int64, ofAny bool) ([]byte, error) {
	f, info, err := Open(name)
	if err != nil {
		return nil, err
	}
	// it was only read
	defer func() { _ = f.Close() }()
	if err := checkSecret(name, info, ofAny); err != nil {
		return nil, err
	}
	return read(f, info, limit)
}

func read(f *os.File, info fs.FileInfo, limit int64) ([]byte, error) {
	if info.Size() > limit {
		return nil, fmt.Errorf("%s is %d bytes, limit %d", f.Name(), info.Size(), limit)
	}
	// One byte more than was promised, to notice that there is more.
	text := make([]byte, 0, info.Size()+1)
	for {
		n, err := f.Read(text[len(text):min(int64(cap(text)), limit+1)])
		text = text[:len(text)+n]
		switch {
		case int64(len(text)) > limit:
			clear(text)
			return nil, fmt.Errorf("%s grew while it was read to more than its limit, %d bytes", f.Name(), limit)
		case err == io.EOF:
			return WithoutMark(text), nil
		case err != nil:
			clear(text)
			return nil, err
		}
		if len(text) == cap(text) {
			more := make([]byte, len(text), 2*len(text)+512)
			copy(more, text)
			// it may be a secret
			clear(text)
			text = more
		}
	}
}

// WithoutMark returns text without the byte order mark in front, if there is one.
func WithoutMark(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) }
