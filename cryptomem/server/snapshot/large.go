package snapshot

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
)

// A block of one item may be a gigabyte. One of more than maxPayload is read in pieces,
// twice: first to see whether it is whole, then to copy it.

// pieceSize is what is read of a large item at once, in bytes.
const pieceSize = 128 << 10

// maxFront is what a large item has before its value and after it at most.
const maxFront = itemHeaderSize + math.MaxUint16

// A Large is a value that is read from the file. After an error of Read, nothing
// of the value counts.
type Large struct {
	r io.ReaderAt
	// at in the file, of the next byte.
	at   int64
	end  int64
	size int
	// sum of the block up to here.
	sum uint32
	// And up to the value's end.
	want uint32
	err  error
}

// Size returns the value's size in bytes.
func (l *Large) Size() int { return l.size }

// Read implements io.Reader. The last byte comes only if the value is the one that
// was found to be whole.
func (l *Large) Read(b []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	if l.at == l.end {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), l.end-l.at)]
	if l.err = damagedIfShort(readFull(l.r, b, l.at, l.end)); l.err != nil {
		return 0, l.err
	}
	l.at += int64(len(b))
	if l.sum = crc32.Update(l.sum, castagnoli, b); l.at == l.end && l.sum != l.want {
		// since it was found whole
		l.err = errDamaged
		return 0, l.err
	}
	return len(b), nil
}

// large hands out the item of a block that is too long to be held in memory. Its
// payload is from begin to end.
func (d *decoder) large(fields []byte, begin, end int64) error {
	front, err := d.payload(begin, int(min(maxFront, end-begin)))
	if err != nil {
		return err
	}
	keySize, valueSize, accountSize := int(binary.BigEndian.Uint16(front)), int64(binary.BigEndian.Uint32(front[2:])), int64(front[14])
	from := begin + itemHeaderSize + int64(keySize)
	to := from + valueSize
	if to+accountSize != end {
		return errDamaged
	}
	it := Entry{Key: append([]byte(nil), front[itemHeaderSize:itemHeaderSize+keySize]...), Expiry: int64(binary.BigEndian.Uint64(front[6:]))}

	before, err := d.checksum(crc32.Checksum(fields[:12], castagnoli), begin, from)
	if err != nil {
		return err
	}
	whole, err := d.checksum(before, from, to)
	if err != nil {
		return err
	}
	account, err := d.payload(to, int(accountSize))
	if err != nil {
		return err
	}
	if crc32.Update(whole, castagnoli, account) != binary.BigEndian.Uint32(fields[12:]) {
		return errDamaged
	}
	it.Account = append([]byte(nil), account...)
	it.Large = &Large{r: d.r, at: from, end: to, size: int(valueSize), sum: before, want: whole}
	d.visit(it)
	return it.Large.err
}

// checksum goes on with sum over the file's bytes between two offsets.
func (d *decoder) checksum(sum uint32, from, to int64) (uint32, error) {
	for from < to {
		piece, err := d.payload(from, int(min(pieceSize, to-from)))
		if err != nil {
			return 0, err
		}
		sum = crc32.Update(sum, castagnoli, piece)
		from += int64(len(piece))
	}
	return sum, nil
}
