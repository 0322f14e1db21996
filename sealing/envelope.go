package sealing

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// An envelope, integers big-endian:
//
//	offset  size  field
//	0       1     version, 0xC1
//	1       1     flags: bit 0 = padded; any other bit is refused
//	2       4     key id
//	6       8     expiry, Unix milliseconds, 0 = none
//	14      12    nonce, first half: picks the subkey
//	26      12    nonce, second half: AES-GCM's nonce
//	38      n     ciphertext
//	38+n    16    tag
//
// The associated data is bytes 0 to 13 followed by the name.
const (
	version    = 0xC1
	flagPadded = 1 << 0

	offFlags  = 1
	offKeyID  = 2
	offExpiry = 6
	offHalf   = 14
	offNonce  = offHalf + halfSize
	offText   = offNonce + nonceSize

	headerSize = offHalf // what is authenticated besides the name

	// Overhead is how many bytes an envelope is longer than the value in it,
	// padding aside.
	Overhead = offText + tagSize
)

// header is the part of an envelope that says how to open it.
type header struct {
	flags  byte
	keyID  uint32
	expiry uint64 // Unix milliseconds, 0 = none
}

func (h header) put(b []byte) {
	b[0], b[offFlags] = version, h.flags
	binary.BigEndian.PutUint32(b[offKeyID:], h.keyID)
	binary.BigEndian.PutUint64(b[offExpiry:], h.expiry)
}

// parseHeader reads the header of an envelope and refuses whatever this version
// never writes, so that a value has one spelling.
func parseHeader(envelope []byte) (header, error) {
	if len(envelope) < Overhead {
		return header{}, fmt.Errorf("%w: envelope is %d bytes, the least is %d", ErrMalformed, len(envelope), Overhead)
	}
	if envelope[0] != version {
		return header{}, fmt.Errorf("%w: version 0x%02x, want 0x%02x", ErrMalformed, envelope[0], version)
	}
	h := header{
		flags:  envelope[offFlags],
		keyID:  binary.BigEndian.Uint32(envelope[offKeyID:]),
		expiry: binary.BigEndian.Uint64(envelope[offExpiry:]),
	}
	if h.flags&^flagPadded != 0 {
		return header{}, fmt.Errorf("%w: unknown flags 0x%02x", ErrMalformed, h.flags&^flagPadded)
	}
	return h, nil
}

// Expiry returns when the value in the envelope expires, to the millisecond; the
// zero time means never. It is only to be believed of an envelope that Open has
// accepted. The error is ErrMalformed.
func Expiry(envelope []byte) (time.Time, error) {
	h, err := parseHeader(envelope)
	if err != nil || h.expiry == 0 {
		return time.Time{}, err
	}
	return time.UnixMilli(int64(min(h.expiry, math.MaxInt64))), nil
}

// toMillis rounds up, so that an envelope never ends before its value. What
// lies before 1970 becomes the first millisecond: 0 is taken.
func toMillis(expiry time.Time) uint64 {
	if expiry.IsZero() {
		return 0
	}
	ms := expiry.UnixMilli()
	if expiry.Nanosecond()%int(time.Millisecond) != 0 {
		ms++
	}
	return uint64(max(ms, 1))
}

// expired reports whether now is at or past expiry + skew.
func (h header) expired(now time.Time, skew time.Duration) bool {
	ms := now.UnixMilli()
	if h.expiry == 0 || ms < 0 {
		return false
	}
	end := h.expiry + uint64(skew/time.Millisecond)
	if end < h.expiry {
		end = math.MaxUint64
	}
	return uint64(ms) >= end
}
