package cache

import (
	"encoding/binary"
	"time"
)

// A record is one item in a segment:
//
//	n bytes  flags, in the low 2 bits; above them the version less the segment's base, or
//	         if full the version, absolute, in 8 bytes after the first. n is the segment's, 3 or 4
//	n bytes  expiry less the segment's start; n is the segment's, 0 to 8
//	2 bytes  number of the account; only in a cache with accounts
//	uvarint  key length << 1 | large; not if both lengths are those of the segment's first record
//	uvarint  value length; not if both are
//	         key
//	         value; if large, 4 bytes that name the chain that holds it
//
// Integers are little-endian. Records lie back to back from the segment's
// start, so that a segment can be walked, and a dead record keeps its header.
type record struct {
	// key and value alias the segment; value is nil if large.
	key, value []byte
	version    uint64
	// expiry is in cache time, 0 for never.
	expiry int64
	// length is that of the value.
	length  int
	account uint16
	// chain is the first segment of a large value, or none.
	chain int32
	// size is that of the whole record.
	size int
}

// Flags of a record.
const (
	fullVersion = 1 << iota
	sameLengths
	flagBits = 2
)

const (
	// largeValue is set in the key's length.
	largeValue = 1
	largeBits  = 1

	// fullSize is what flags and a full version take.
	fullSize  = 1 + 8
	chainSize = 4
)

// alive reports whether the item is visible.
func (r *record) alive(now int64) bool { return r.expiry == 0 || now < r.expiry }

// info describes the record's item.
func (r *record) info(now int64) Info {
	info := Info{Version: r.version}
	if r.expiry != 0 {
		info.TTL = time.Duration(r.expiry - now)
	}
	return info
}

// frame holds what a segment's records have in common, which they need not repeat.
type frame struct {
	// base is what short versions are relative to.
	base uint64
	// start is that of the deadline bucket.
	start int64
	// keyLength and length are the key and value lengths of the first record. Records of the same
	// lengths leave them out, as items are often of one size. 0 for none.
	keyLength, length int32
	// versionBytes is the size of flags and a short version in a record.
	versionBytes uint8
	// expiryBytes is the size of an expiry in a record; 0 if items never expire.
	expiryBytes uint8
	// accounts is set if records name an account.
	accounts bool
}

// sameLengths reports whether the record need not say its lengths.
func (f *frame) sameLengths(r *record) bool {
	return len(r.key) == int(f.keyLength) && r.length == int(f.length) && r.chain == none
}

// versions returns how many versions, from base on, the short form tells apart.
func (f *frame) versions() uint64 { return 1 << (8*f.versionBytes - flagBits) }

// fits reports whether the version can be kept in the short form.
func (f *frame) fits(version uint64) bool {
	return version >= f.base && version-f.base < f.versions()
}

// holds reports whether the expiry can be written in the frame.
func (f *frame) holds(expiry int64) bool {
	if expiry == 0 || f.expiryBytes == 0 {
		return expiry == 0 && f.expiryBytes == 0
	}
	return expiry >= f.start && uint64(expiry-f.start)>>(8*f.expiryBytes) == 0
}

// small reads a little-endian integer of n bytes, 1 to 8; b has 8 or more.
func small(b []byte, n int) uint64 {
	// The processor takes shifts modulo 64; said here, it costs no comparison.
	above := (64 - 8*n) & 63
	return binary.LittleEndian.Uint64(b) << above >> above
}

// putSmall writes the low n <= 8 bytes of v and leaves those behind them as they were;
// b has 8 or more.
func putSmall(b []byte, n int, v uint64) {
	mask := uint64(1)<<(8*n) - 1
	binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)&^mask|v&mask)
}

// parse reads the record at b's start into r. It returns no record, because every
// read would then copy it twice. b must reach 8 bytes beyond the record's key, which
// every segment does.
func (f *frame) parse(b []byte, r *record) {
	flags, n := b[0], int(f.versionBytes)
	if flags&fullVersion == 0 {
		r.version = f.base + small(b, n)>>flagBits
	} else {
		r.version = binary.LittleEndian.Uint64(b[1:])
		n = fullSize
	}
	r.expiry = 0
	if f.expiryBytes != 0 {
		r.expiry = f.start + int64(small(b[n:], int(f.expiryBytes)))
		n += int(f.expiryBytes)
	}
	if f.accounts {
		r.account = binary.LittleEndian.Uint16(b[n:])
		n += accountSize
	}
	keyLength, large := int(f.keyLength), false
	r.length = int(f.length)
	if flags&sameLengths == 0 {
		keyLength, r.length, large, n = lengths(b, n)
	}
	end := n + keyLength
	r.key = b[n:end:end]
	if large {
		r.chain = int32(binary.LittleEndian.Uint32(b[end:]))
		r.size = end + chainSize
		r.value = nil
		return
	}
	r.chain = none
	r.size = end + r.length
	r.value = b[end:r.size:r.size]
}

// lengths reads the lengths at b[n:] and returns where the key begins.
func lengths(b []byte, n int) (key, value int, large bool, at int) {
	k, m := uint64(b[n]), 1
	if k >= 0x80 {
		k, m = binary.Uvarint(b[n:])
	}
	n += m
	v, m := uint64(b[n]), 1
	if v >= 0x80 {
		v, m = binary.Uvarint(b[n:])
	}
	return int(k >> largeBits), int(v), k&largeValue != 0, n + m
}

// sizeOf returns the size that the record will have in the frame.
func (f *frame) sizeOf(r *record) int {
	n := int(f.versionBytes)
	if !f.fits(r.version) {
		n = fullSize
	}
	n += int(f.expiryBytes) + len(r.key)
	if !f.sameLengths(r) {
		n += uvarintSize(uint64(len(r.key))<<largeBits) + uvarintSize(uint64(r.length))
	}
	if f.accounts {
		n += accountSize
	}
	if r.chain != none {
		return n + chainSize
	}
	return n + r.length
}

// put writes the record at b's start; key and value may lie elsewhere in the
// same memory, before b.
func (f *frame) put(b []byte, r *record) {
	n := f.putState(b, r)
	if !f.sameLengths(r) {
		key := uint64(len(r.key)) << largeBits
		if r.chain != none {
			key |= largeValue
		}
		n += binary.PutUvarint(b[n:], key)
		n += binary.PutUvarint(b[n:], uint64(r.length))
	}
	n += copy(b[n:], r.key)
	if r.chain != none {
		binary.LittleEndian.PutUint32(b[n:], uint32(r.chain))
		return
	}
	copy(b[n:], r.value)
}

// putState writes the fields that can change while key and length stay, which come
// first, and returns their size.
func (f *frame) putState(b []byte, r *record) (n int) {
	flags := uint64(0)
	if f.sameLengths(r) {
		flags = sameLengths
	}
	if f.fits(r.version) {
		n = int(f.versionBytes)
		putSmall(b, n, (r.version-f.base)<<flagBits|flags)
	} else {
		n = fullSize
		b[0] = byte(flags | fullVersion)
		binary.LittleEndian.PutUint64(b[1:], r.version)
	}
	putSmall(b[n:], int(f.expiryBytes), uint64(r.expiry-f.start))
	n += int(f.expiryBytes)
	if f.accounts {
		binary.LittleEndian.PutUint16(b[n:], r.account)
		n += accountSize
	}
	return n
}

func uvarintSize(v uint64) (n int) {
	for n = 1; v >= 0x80; n++ {
		v >>= 7
	}
	return n
}
