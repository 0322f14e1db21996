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
//	0       1     version: 0xC2, or 0xC1 without a sealing time
//	1       1     flags: bit 0 = padded; any other bit is refused
//	2       4     key id
//	6       8     expiry, Unix milliseconds, 0 = none
//	14      8     sealing time, a Stamp: version 0xC2 only
//	h       12    nonce, first half: picks the subkey
//	h+12    12    nonce, second half: AES-GCM's nonce
//	h+24    n     ciphertext
//	h+24+n  16    tag
//
// where h, the size of the header, is 22, or 14 without a sealing time. The
// associated data is the header followed by the name. The first byte fixes h,
// so where the name begins is never in doubt.
const (
	// VersionUnstamped is the version of an envelope without a sealing time.
	VersionUnstamped = 0xC1
	// VersionStamped is the version of an envelope with one.
	VersionStamped = 0xC2

	// Overhead is how many bytes a stamped envelope is longer than the value in
	// it, padding aside; an unstamped one is StampSize bytes shorter.
	Overhead = stampedSize + noncePrefixSize + nonceSize + tagSize

	// StampSize is what a sealing time takes in an envelope, in bytes.
	StampSize = 8

	flagPadded = 1 << 0

	offFlags  = 1
	offKeyID  = 2
	offExpiry = 6
	offStamp  = 14

	unstampedSize = offStamp // of the header
	stampedSize   = offStamp + StampSize

	// Behind the header:
	offNonce = noncePrefixSize
	offText  = offNonce + nonceSize

	minSize = unstampedSize + offText + tagSize
)

// A Header is the unencrypted part of an envelope. Do not trust it before Open has
// accepted the envelope.
type Header struct {
	Version byte
	Padded  bool
	KeyID   uint32
	// Stamp is the sealing time, 0 in an envelope without one.
	Stamp Stamp

	id uint64
	// Unix milliseconds, 0 = none.
	expiry uint64
}

// ParseHeader reads the header of an envelope and refuses whatever Seal never
// writes, so that a value has one spelling. The error is ErrMalformed.
func ParseHeader(envelope []byte) (Header, error) {
	var h Header
	err := h.parse(envelope)
	return h, err
}

func (h *Header) parse(envelope []byte) error {
	if len(envelope) < minSize {
		return fmt.Errorf("%w: envelope is %d bytes, the least is %d", ErrMalformed, len(envelope), minSize)
	}
	version, flags, least := envelope[0], envelope[offFlags], minSize
	if version == VersionStamped {
		least = Overhead
	}
	switch {
	case version != VersionStamped && version != VersionUnstamped:
		return fmt.Errorf("%w: version 0x%02x, want 0x%02x or 0x%02x", ErrMalformed, version, VersionStamped, VersionUnstamped)
	case flags&^flagPadded != 0:
		return fmt.Errorf("%w: unknown flags 0x%02x", ErrMalformed, flags&^flagPadded)
	case len(envelope) < least:
		return fmt.Errorf("%w: envelope is %d bytes, the least of its version is %d", ErrMalformed, len(envelope), least)
	}
	var stamp Stamp
	if version == VersionStamped {
		if stamp = Stamp(binary.BigEndian.Uint64(envelope[offStamp:])); stamp == 0 {
			return fmt.Errorf("%w: no sealing time in version 0x%02x", ErrMalformed, version)
		}
	}
	h.Version, h.Padded, h.Stamp = version, flags&flagPadded != 0, stamp
	h.KeyID = binary.BigEndian.Uint32(envelope[offKeyID:])
	h.expiry = binary.BigEndian.Uint64(envelope[offExpiry:])
	h.id = binary.BigEndian.Uint64(envelope[h.size()+offNonce:])
	return nil
}

// Expiry returns when the value expires, to the millisecond; the zero time means
// never.
func (h *Header) Expiry() time.Time {
	if h.expiry == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(min(h.expiry, math.MaxInt64)))
}

// Expiry returns when the value in the envelope expires, as its header says.
func Expiry(envelope []byte) (time.Time, error) {
	h, err := ParseHeader(envelope)
	return h.Expiry(), err
}

// ID identifies the envelope, whatever its name and version: it is eight bytes of the
// nonce that are drawn for each envelope. It is never 0.
func (h *Header) ID() uint64 { return max(h.id, 1) }

// size is how many bytes the header takes.
func (h *Header) size() int {
	if h.Version == VersionUnstamped {
		return unstampedSize
	}
	return stampedSize
}

// overhead is what an envelope with this header is longer than the text in it.
func (h *Header) overhead() int { return h.size() + offText + tagSize }

func (h *Header) put(b []byte) {
	b[0], b[offFlags] = h.Version, 0
	if h.Padded {
		b[offFlags] = flagPadded
	}
	binary.BigEndian.PutUint32(b[offKeyID:], h.KeyID)
	binary.BigEndian.PutUint64(b[offExpiry:], h.expiry)
	if h.Version == VersionStamped {
		binary.BigEndian.PutUint64(b[offStamp:], uint64(h.Stamp))
	}
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

// expired reports whether now is at or past expiry + skew, both in milliseconds.
func (h *Header) expired(now, skew int64) bool {
	if h.expiry == 0 || now < 0 {
		return false
	}
	end := h.expiry + uint64(skew)
	if end < h.expiry {
		end = math.MaxUint64
	}
	return uint64(now) >= end
}
