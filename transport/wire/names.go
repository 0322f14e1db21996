package wire

import (
	"encoding/binary"
	"fmt"
)

// The layout of SCAN. A request's value is a cursor and the most names to return. An
// answer is the cursor of the next request, 0 at the end, and the names, each
// preceded by its length.
const (
	ScanSize     = VersionSize + 4 // bytes of a SCAN request's value
	nameSizeSize = 2
)

// AppendScan appends the value of a SCAN request. If most is 0 the server chooses the
// number.
func AppendScan(dst []byte, cursor uint64, most uint32) []byte {
	return binary.BigEndian.AppendUint32(AppendNumber(dst, cursor), most)
}

// ParseScan returns the cursor and the most names of a SCAN request's value.
func ParseScan(value []byte) (cursor uint64, most uint32, err error) {
	if len(value) != ScanSize {
		return 0, 0, fmt.Errorf("value is %d bytes, SCAN needs a cursor of %d bytes and a number of 4", len(value), VersionSize)
	}
	return binary.BigEndian.Uint64(value), binary.BigEndian.Uint32(value[VersionSize:]), nil
}

// AppendName appends a name, of at most MaxKeySize bytes, to the answer to SCAN.
func AppendName(dst, name []byte) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(name))), name...)
}

// CutName splits the names of an answer to SCAN, which must not be empty, into the
// first one and the rest, which both alias names.
func CutName(names []byte) (name, rest []byte, err error) {
	if len(names) >= nameSizeSize {
		if end := nameSizeSize + int(binary.BigEndian.Uint16(names)); end <= len(names) {
			return names[nameSizeSize:end], names[end:], nil
		}
	}
	return nil, nil, fmt.Errorf("answer to SCAN ends within a name")
}
