// Package safefile reads and writes the files that a program rests on: keys,
// tokens, certificates, configuration, snapshots.
//
//	text, err := safefile.Read("config.yaml", 1<<20)       // bounded, and never waits
//	text, err := safefile.ReadSecret("key.json", 1<<20)    // and no other user could have read or put it there
//	err := safefile.Create("web.token", text)              // new, and its owner's alone
//	err := safefile.Replace("key.json", safefile.Alike, write)
//
// Programs read such files again while they run, so a file that was replaced in the
// meantime must neither block them nor fill their memory. They may be killed at any
// moment, so a file is either the old one or the new one, complete.
package safefile

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Open opens a regular file for reading. It refuses anything else: a named pipe
// would block, a device might never end. It follows symbolic links.
func Open(name string) (*os.File, fs.FileInfo, error) {
	// Non-blocking, so that opening a pipe does not wait for a writer. The open file
	// is checked and not its name, which may lead to another file by now.
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

// notRegular is the error for a file that is not a regular one. It matches
// fs.ErrInvalid.
type notRegular string

func (e notRegular) Error() string { return string(e) + " is not a regular file" }
func (e notRegular) Unwrap() error { return fs.ErrInvalid }

// Read returns the content of a regular file, and refuses one of more than limit
// bytes. It omits a leading byte order mark, which some editors write.
func Read(name string, limit int64) ([]byte, error) {
	f, info, err := Open(name)
	if err != nil {
		return nil, err
	}
	// it was only read
	defer func() { _ = f.Close() }()
	return read(f, info, limit)
}

// ReadSecret is Read for a secret file. If a user other than this process's or root
// could have read it or put it there, the error is an [ExposedError]. The caller
// should clear the text after use.
func ReadSecret(name string, limit int64) ([]byte, error) { return readSecret(name, limit, false) }

// ReadSecretOfAny is ReadSecret for tools that maintain other users' files: run by
// root, it accepts a file of any owner.
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
	// One byte more than the file's size, to notice if it has grown.
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
