package wire

import (
	"encoding/binary"
	"fmt"
)

// How names travel. A SCAN request's value is where to go on and how many names to
// tell at most; its answer is where the next one goes on, 0 for the end, and the
// names, each behind its length.
const (
	ScanSize     = VersionSize + 4 // bytes of a SCAN request's value
	nameSizeSize = 2
)

// AppendScan appends the value of a SCAN request. At most 0 leaves the number to
// the server.
func AppendScan(dst []byte, cursor uint64, most uint32) []byte {
	return binary.BigEndian.AppendUint32(AppendNumber(dst, cursor), most)
}

// ParseScan returns what the value of a SCAN request says.
func ParseScan(value []byte) (cursor uint64, most uint32, err error) {
	if len(value) != ScanSize {
		return 0, 0, fmt.Errorf("value is %d bytes, SCAN needs a cursor of %d bytes and a number of 4", len(value), VersionSize)
	}
	return binary.BigEndian.Uint64(value), binary.BigEndian.Uint32(value[VersionSize:]), nil
}

// AppendName appends a name to the answer to SCAN. It has at most MaxKeySize bytes.
func AppendName(dst, name []byte) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(name))), name...)
}

// CutName splits what follows the cursor in the answer to SCAN into the first name
// and the rest, which alias names. They must not be empty.
func CutName(names []byte) (name, rest []byte, err error) {
	if len(names) >= nameSizeSize {
		if end := nameSizeSize + int(binary.BigEndian.Uint16(names)); end <= len(names) {
			return names[nameSizeSize:end], names[end:], nil
		}
	}
	return nil, nil, fmt.Errorf("answer to SCAN ends within a name")
}
