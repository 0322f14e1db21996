package wire

import (
	"encoding/binary"
	"fmt"
	"time"
)

// The layouts of versions: before the new value in a CAS request; followed by the
// remaining TTL and the value in the answer to GETV; alone in the
// answers to CAS.
const (
	VersionSize = 8               // bytes of a version, or of another number
	ItemSize    = VersionSize + 8 // bytes in front of the value in the answer to GETV
)

// AppendNumber appends a number, such as a version, in the form used in answers.
func AppendNumber(dst []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(dst, n) }

// ParseNumber returns the number that is the whole value of an answer.
func ParseNumber(value []byte) (uint64, error) {
	if len(value) != VersionSize {
		return 0, fmt.Errorf("a number of %d bytes was expected, got %d", VersionSize, len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

// CutNumber splits an answer's value into the number at its beginning and the
// rest, which aliases value.
func CutNumber(value []byte) (n uint64, rest []byte, err error) {
	if len(value) < VersionSize {
		return 0, nil, fmt.Errorf("a number of %d bytes was expected, got %d", VersionSize, len(value))
	}
	return binary.BigEndian.Uint64(value), value[VersionSize:], nil
}

// CutVersion splits the value of a CAS request into the version that the item
// must still have and the new value, which aliases b.
func CutVersion(b []byte) (version uint64, value []byte, err error) {
	if len(b) < VersionSize {
		return 0, nil, fmt.Errorf("value is %d bytes, CAS needs a version of %d bytes before the new value", len(b), VersionSize)
	}
	return binary.BigEndian.Uint64(b), b[VersionSize:], nil
}

// AppendItem appends what precedes the value in the answer to GETV: the item's
// version and its remaining TTL, 0 for none.
func AppendItem(dst []byte, version uint64, ttl time.Duration) []byte {
	return binary.BigEndian.AppendUint64(AppendNumber(dst, version), uint64(ttl))
}

// CutItem splits the answer to GETV. The value aliases b.
func CutItem(b []byte) (version uint64, ttl time.Duration, value []byte, err error) {
	if len(b) < ItemSize {
		return 0, 0, nil, fmt.Errorf("answer is %d bytes, GETV's has at least %d", len(b), ItemSize)
	}
	return binary.BigEndian.Uint64(b), time.Duration(binary.BigEndian.Uint64(b[VersionSize:])), b[ItemSize:], nil
}
