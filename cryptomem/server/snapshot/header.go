package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// Errors of files that nothing can be loaded from.
var (
	// ErrNotSnapshot reports a file that is something else than a snapshot, or of
	// which both headers are damaged. Nothing of it can be trusted.
	ErrNotSnapshot = errors.New("not a snapshot, or its headers are damaged")
	// ErrFormat reports a snapshot of a format that this package does not read.
	ErrFormat = errors.New("snapshot of another format")
	// ErrEmpty reports a file without a byte: as good as none.
	ErrEmpty = errors.New("snapshot file is empty")
)

// A header begins with the magic, the byte that says whether it is the first or
// the copy, and the format. Were the copy the same as the first, a file that
// merely holds a snapshot at that offset would pass for one.
const (
	magic  = "CMSNAP"
	format = 2
)

// Sizes that the format fixes, in bytes.
const (
	idSize     = 16
	headerSize = len(magic) + 2 + 8 + idSize + 4
	// copyOffset is where the copy of the header stands. The two are further
	// apart than what a disk loses at once, and no client chooses what stands
	// there.
	copyOffset = 4 << 10
	prefixSize = copyOffset + headerSize // what comes before the blocks
)

// A header says when a snapshot was taken, and by which id to know its blocks.
type header struct {
	// Unix time in nanoseconds.
	created int64
	id      [idSize]byte
}

// append encodes the header; number is 0 for the first, 1 for the copy.
func (h header) append(b []byte, number byte) []byte {
	begin := len(b)
	b = append(b, magic...)
	b = append(b, number, format)
	b = binary.BigEndian.AppendUint64(b, uint64(h.created))
	b = append(b, h.id[:]...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[begin:], castagnoli))
}

// prefix returns what a snapshot begins with: the header, zeros, and its copy.
func (h header) prefix() []byte {
	b := h.append(make([]byte, 0, prefixSize), 0)
	return h.append(b[:copyOffset], 1)
}

// parseHeader decodes the header that b begins with, if it is whole.
func parseHeader(b []byte, number byte) (h header, ok bool) {
	if len(b) < headerSize {
		return h, false
	}
	h.created = int64(binary.BigEndian.Uint64(b[len(magic)+2:]))
	copy(h.id[:], b[len(magic)+10:])
	return h, string(h.append(nil, number)) == string(b[:headerSize])
}

// NewReader reads the header of a snapshot that is the first size bytes of r, or
// its copy if the header is damaged. The error is ErrNotSnapshot, ErrFormat,
// ErrEmpty or one of reading.
func NewReader(r io.ReaderAt, size int64) (*Reader, error) {
	if size == 0 {
		return nil, ErrEmpty
	}
	prefix := make([]byte, min(size, int64(prefixSize)))
	if err := readFull(r, prefix, 0, size); err != nil {
		return nil, err
	}
	h, ok := parseHeader(prefix, 0)
	if !ok && len(prefix) > copyOffset {
		h, ok = parseHeader(prefix[copyOffset:], 1)
	}
	if !ok {
		return nil, notSnapshot(prefix)
	}
	return &Reader{
		Created: time.Unix(0, h.created),
		r:       r, size: size, id: h.id[:],
		intact: string(prefix) == string(h.prefix()),
	}, nil
}

// notSnapshot says what is wrong with a file of which no header is whole.
func notSnapshot(prefix []byte) error {
	begin := magic + "\x00"
	if len(prefix) > len(begin) && string(prefix[:len(begin)]) == begin && prefix[len(begin)] != format {
		return fmt.Errorf("%w: it has format %d, this version reads %d; load it with the version that saved it, or move it away to begin empty",
			ErrFormat, prefix[len(begin)], format)
	}
	if len(prefix) < headerSize {
		return fmt.Errorf("%w: %d bytes, the header alone has %d", ErrNotSnapshot, len(prefix), headerSize)
	}
	return ErrNotSnapshot
}
