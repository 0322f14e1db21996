// Package textfile reads the small files that an operator writes for a server:
// its configuration, identities, certificates and keys.
//
// A server reads them again while it runs, so whatever stands under such a name
// by then must neither stop it nor fill its memory.
package textfile

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// Read returns what the named file holds, as [os.ReadFile] does, but refuses one
// of more than limit bytes and everything that is no regular file: a named pipe
// would be waited for, a device might never end. Symbolic links are followed.
func Read(name string, limit int64) ([]byte, error) {
	// Not to block, opening does not wait for somebody to write to a pipe; then
	// the open file is asked what it is, so that it cannot be another by now.
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s is %d bytes, limit %d", name, info.Size(), limit)
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%s grew while it was read to more than its limit, %d bytes", name, limit)
	}
	return text, nil
}
