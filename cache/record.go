package cache

import (
	"encoding/binary"
	"time"
)

// A record is one item in a segment:
//
//	uvarint  key length << 2 | large << 1 | full version; of key length 0 if both
//	         lengths are those of the segment's first record
//	uvarint  value length; not if both are
//	3 bytes  version less the segment's base; 8 bytes and absolute if full
//	n bytes  expiry less the segment's start; n is the segment's, 0 to 8
//	2 bytes  number of the account; only in a cache with accounts
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
	// at is the offset of the version within the record.
	at int
}

const (
	fullVersion = 1 << iota
	largeValue
	flagBits = 2

	// versionBits of a version are kept relative to the segment's base.
	versionBits = 24
	chainSize   = 4
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
	// expiryBytes is the size of an expiry in a record; 0 if items never expire.
	expiryBytes uint8
	// accounts is set if records name an account.
	accounts bool
}

// sameLengths reports whether the record need not say its lengths.
func (f *frame) sameLengths(r *record) bool {
	return len(r.key) == int(f.keyLength) && r.length == int(f.length) && r.chain == none
}

// fits reports whether the version can be kept in the short form.
func (f *frame) fits(version uint64) bool {
	return version >= f.base && version-f.base < 1<<versionBits
}

// holds reports whether the expiry can be written in the frame.
func (f *frame) holds(expiry int64) bool {
	if expiry == 0 || f.expiryBytes == 0 {
		return expiry == 0 && f.expiryBytes == 0
	}
	return expiry >= f.start && uint64(expiry-f.start)>>(8*f.expiryBytes) == 0
}

// small reads a little-endian integer of n < 8 bytes; b has 8 or more.
func small(b []byte, n int) uint64 {
	return binary.LittleEndian.Uint64(b) & (1<<(8*n) - 1)
}

// putSmall writes the low n bytes of v.
func putSmall(b []byte, n int, v uint64) {
	for i := range n {
		b[i] = byte(v >> (8 * i))
	}
}

// parse reads the record at b's start into r. It returns no record, because every
// read would then copy it twice. b must reach 8 bytes beyond the record's key, which
// every segment does.
func (f *frame) parse(b []byte, r *record) {
	head, n := uint64(b[0]), 1
	if head >= 0x80 {
		head, n = binary.Uvarint(b)
	}
	keyLength := int(head >> flagBits)
	if keyLength == 0 {
		keyLength, r.length = int(f.keyLength), int(f.length)
	} else {
		length, m := uint64(b[n]), 1
		if length >= 0x80 {
			length, m = binary.Uvarint(b[n:])
		}
		n += m
		r.length = int(length)
	}
	r.at = n
	if head&fullVersion != 0 {
		r.version = binary.LittleEndian.Uint64(b[n:])
		n += 8
	} else {
		r.version = f.base + small(b[n:], versionBits/8)
		n += versionBits / 8
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
	end := n + keyLength
	r.key = b[n:end:end]
	if head&largeValue != 0 {
		r.chain = int32(binary.LittleEndian.Uint32(b[end:]))
		r.size = end + chainSize
		r.value = nil
		return
	}
	r.chain = none
	r.size = end + r.length
	r.value = b[end:r.size:r.size]
}

// sizeOf returns the size that the record will have in the frame.
func (f *frame) sizeOf(r *record) int {
	n := 1 + int(f.expiryBytes) + len(r.key)
	if !f.sameLengths(r) {
		n += uvarintSize(uint64(len(r.key))<<flagBits) + uvarintSize(uint64(r.length)) - 1
	}
	if f.fits(r.version) {
		n += versionBits / 8
	} else {
		n += 8
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
	same := f.sameLengths(r)
	head := uint64(len(r.key)) << flagBits
	if same {
		head = 0
	}
	if r.chain != none {
		head |= largeValue
	}
	if !f.fits(r.version) {
		head |= fullVersion
	}
	n := binary.PutUvarint(b, head)
	if !same {
		n += binary.PutUvarint(b[n:], uint64(r.length))
	}
	n += f.putState(b[n:], r)
	n += copy(b[n:], r.key)
	if r.chain != none {
		binary.LittleEndian.PutUint32(b[n:], uint32(r.chain))
		return
	}
	copy(b[n:], r.value)
}

// putState writes the fields that can change while key and length stay, and returns
// their size.
func (f *frame) putState(b []byte, r *record) (n int) {
	if f.fits(r.version) {
		n = versionBits / 8
		putSmall(b, n, r.version-f.base)
	} else {
		n = 8
		binary.LittleEndian.PutUint64(b, r.version)
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
