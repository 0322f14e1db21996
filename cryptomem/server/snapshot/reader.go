package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// A Summary says what Each found.
type Summary struct {
	// Handed out.
	Items uint64
	// Blocks that held them.
	Blocks uint64
	// Bytes that belong to no whole block.
	Lost int64
	// The file is as it was written, to its last byte.
	Whole bool
}

// A Reader decodes a snapshot. It is for one goroutine.
type Reader struct {
	// Created is when the snapshot was taken.
	Created time.Time

	r    io.ReaderAt
	size int64
	id   []byte
	// Both headers, and what is between them.
	intact bool
}

// Each hands out the items of every block that is whole; their slices, and a Large
// one, are valid until visit returns.
// Where a block is damaged it goes on at the next one. Damage is no error, see
// Summary: the only errors are those of reading.
func (r *Reader) Each(visit func(Entry)) (Summary, error) {
	d := decoder{Reader: r, visit: visit}
	err := d.blocks(int64(prefixSize))
	return d.Summary, err
}

// decoder is the state of one pass over the blocks.
type decoder struct {
	*Reader
	Summary
	visit func(Entry)

	// buffer of the latest payload, or of a piece of it.
	buffer []byte
	// The sequence expected.
	next uint32
	// gap is set if a sequence number was missing.
	gap bool
	// Bytes read for blocks that turned out to be damaged.
	wasted int64

	// window of the latest search.
	window []byte
	// windowAt is where the window begins in the file.
	windowAt int64
}

// maxWaste bounds what is read for blocks that turn out to be damaged, in sizes
// of the file: the id may stand anywhere, and what follows it declare the whole
// rest of the file, so that a reader that believed it all would never end.
const maxWaste = 2

// searchSize is what a search for the next block reads at once, in bytes.
const searchSize = 64 << 10

// errDamaged says that no whole block stands at an offset.
var errDamaged = errors.New("damaged block")

func (d *decoder) blocks(offset int64) error {
	for offset < d.size {
		end, last, err := d.block(offset)
		switch {
		case err == nil && last:
			d.Lost += d.size - end
			d.Whole = d.intact && d.Lost == 0 && !d.gap
			return nil
		case err == nil:
			offset = end
		case errors.Is(err, errDamaged):
			if d.wasted > maxWaste*d.size {
				d.Lost += d.size - offset
				return nil
			}
			found, err := d.search(offset + 1)
			if err != nil {
				return err
			}
			d.Lost += found - offset
			offset = found
		default:
			return err
		}
	}
	return nil
}

// block hands out the items of the block at offset and returns where it ends,
// and whether it is the one that ends the snapshot.
func (d *decoder) block(offset int64) (end int64, last bool, err error) {
	var head [blockHeaderSize]byte
	d.wasted += int64(blockHeaderSize)
	if err := readFull(d.r, head[:], offset, d.size); err != nil {
		return 0, false, damagedIfShort(err)
	}
	if !bytes.Equal(head[:idSize], d.id) {
		return 0, false, errDamaged
	}
	fields := head[idSize:]
	sequence, items := binary.BigEndian.Uint32(fields), binary.BigEndian.Uint32(fields[4:])
	length := int64(binary.BigEndian.Uint32(fields[8:]))
	end = offset + int64(blockHeaderSize) + length
	if end > d.size || !plausible(items, length) {
		return 0, false, errDamaged // and no memory for what was only declared
	}
	d.wasted += length
	if length > maxPayload {
		if err := d.large(fields, offset+int64(blockHeaderSize), end); err != nil {
			return 0, false, err
		}
		d.wasted -= end - offset
		d.counted(sequence, 1)
		return end, false, nil
	}
	payload, err := d.payload(offset+int64(blockHeaderSize), int(length))
	if err != nil {
		return 0, false, err
	}
	if blockChecksum(fields, payload) != binary.BigEndian.Uint32(fields[12:]) {
		return 0, false, errDamaged
	}
	if items != 0 && !wellFormed(payload, items) {
		return 0, false, errDamaged
	}
	d.wasted -= end - offset
	if items == 0 {
		d.gap = d.gap || sequence != d.next || binary.BigEndian.Uint64(payload) != d.Items
		return end, true, nil
	}
	d.counted(sequence, items)
	for len(payload) > 0 {
		var it Entry
		it, payload, _ = item(payload)
		d.visit(it)
	}
	return end, false, nil
}

// counted notes a whole block.
func (d *decoder) counted(sequence, items uint32) {
	d.gap = d.gap || sequence != d.next
	d.next = sequence + 1
	d.Blocks++
	d.Items += uint64(items)
}

func (d *decoder) payload(offset int64, length int) ([]byte, error) {
	if cap(d.buffer) < length {
		d.buffer = make([]byte, length)
	}
	payload := d.buffer[:length]
	return payload, damagedIfShort(readFull(d.r, payload, offset, d.size))
}

// plausible reports whether a payload of that many items may have that length.
func plausible(items uint32, length int64) bool {
	switch items {
	case 0:
		// the last block, which holds a number
		return length == totalSize
	case 1:
		return length <= maxItem
	default:
		return length <= maxPayload
	}
}

// wellFormed reports whether payload is that many items and nothing else.
func wellFormed(payload []byte, items uint32) bool {
	for ; items > 0; items-- {
		var ok bool
		if _, payload, ok = item(payload); !ok {
			return false
		}
	}
	return len(payload) == 0
}

// item splits the first item off b.
func item(b []byte) (it Entry, rest []byte, ok bool) {
	if len(b) < itemHeaderSize {
		return Entry{}, nil, false
	}
	keySize, valueSize, accountSize := int(binary.BigEndian.Uint16(b)), uint64(binary.BigEndian.Uint32(b[2:])), int(b[14])
	it.Expiry = int64(binary.BigEndian.Uint64(b[6:]))
	b = b[itemHeaderSize:]
	if uint64(len(b)) < uint64(keySize)+valueSize+uint64(accountSize) {
		return Entry{}, nil, false
	}
	valueEnd := keySize + int(valueSize)
	end := valueEnd + accountSize
	it.Key, it.Value, it.Account = b[:keySize:keySize], b[keySize:valueEnd:valueEnd], b[valueEnd:end:end]
	return it, b[end:], true
}

// search returns the first offset from the given one on at which the file's id
// stands, or the end. Offsets only grow, so that the file is read once for all
// searches together.
func (d *decoder) search(offset int64) (int64, error) {
	for offset+idSize <= d.size {
		if from := offset - d.windowAt; from+idSize <= int64(len(d.window)) {
			if i := bytes.Index(d.window[from:], d.id); i >= 0 {
				return offset + int64(i), nil
			}
			offset = d.windowAt + int64(len(d.window)-idSize+1)
			continue
		}
		if d.window == nil {
			d.window = make([]byte, searchSize)
		}
		d.window, d.windowAt = d.window[:min(searchSize, d.size-offset)], offset
		if err := readFull(d.r, d.window, offset, d.size); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				// the file shrank under the reader
				break
			}
			return 0, err
		}
	}
	return d.size, nil
}

// readFull reads all of b at offset. What lies past size is not there.
func readFull(r io.ReaderAt, b []byte, offset, size int64) error {
	if offset+int64(len(b)) > size {
		return io.ErrUnexpectedEOF
	}
	if n, err := r.ReadAt(b, offset); n < len(b) {
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return fmt.Errorf("read snapshot: %w", err)
	}
	return nil
}

func damagedIfShort(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errDamaged
	}
	return err
}
