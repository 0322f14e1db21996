package snapshot

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"
)

// Sizes that the format fixes, in bytes.
const (
	blockHeaderSize = idSize + 16
	itemHeaderSize  = 15
)

// blockSize is the payload at which a block is written, in bytes. An item that
// is larger has a block to itself.
const blockSize = 256 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A Writer encodes a snapshot. It is for one goroutine.
type Writer struct {
	w        io.Writer
	block    []byte // header and payload of the block being filled
	items    uint32 // in block
	sequence uint32
	total    uint64
	written  int64
}

// NewWriter begins a snapshot taken at the given time.
func NewWriter(w io.Writer, created time.Time) (*Writer, error) {
	h := header{created: created.UnixNano()}
	rand.Read(h.id[:])
	s := &Writer{w: w, block: make([]byte, blockHeaderSize, blockHeaderSize+2*blockSize)}
	copy(s.block, h.id[:])
	return s, s.write(h.prefix())
}

// An Item is one item of a snapshot. Its key is at most 65,535 bytes, its
// account 255.
type Item struct {
	Key, Value []byte
	Expiry     int64  // Unix time in nanoseconds, 0 for never
	Account    []byte // the name of the account that it is charged to, empty for none
}

// Append adds an item to the block in memory; it does no I/O and keeps none of
// the slices.
func (s *Writer) Append(it Item) {
	s.block = binary.BigEndian.AppendUint16(s.block, uint16(len(it.Key)))
	s.block = binary.BigEndian.AppendUint32(s.block, uint32(len(it.Value)))
	s.block = binary.BigEndian.AppendUint64(s.block, uint64(it.Expiry))
	s.block = append(s.block, byte(len(it.Account)))
	s.block = append(s.block, it.Key...)
	s.block = append(s.block, it.Value...)
	s.block = append(s.block, it.Account...)
	s.items++
}

// Full reports whether the block in memory is to be flushed.
func (s *Writer) Full() bool { return len(s.block) >= blockHeaderSize+blockSize }

// Flush writes the block in memory, if there is anything in it.
func (s *Writer) Flush() error {
	if s.items == 0 {
		return nil
	}
	return s.flush()
}

func (s *Writer) flush() error {
	payload := len(s.block) - blockHeaderSize
	if payload > math.MaxUint32 {
		return fmt.Errorf("block is %d bytes, limit %d", payload, math.MaxUint32)
	}
	head := s.block[idSize:blockHeaderSize]
	binary.BigEndian.PutUint32(head[0:], s.sequence)
	binary.BigEndian.PutUint32(head[4:], s.items)
	binary.BigEndian.PutUint32(head[8:], uint32(payload))
	binary.BigEndian.PutUint32(head[12:], blockChecksum(head, s.block[blockHeaderSize:]))
	err := s.write(s.block)
	s.total += uint64(s.items)
	s.sequence++
	s.items = 0
	if cap(s.block) > blockHeaderSize+4*blockSize {
		// One huge value must not be held on to until the end.
		s.block = append(make([]byte, 0, blockHeaderSize+2*blockSize), s.block[:blockHeaderSize]...)
	}
	s.block = s.block[:blockHeaderSize]
	return err
}

// Close writes what is left and the block that ends a whole snapshot. It does
// not close the underlying writer.
func (s *Writer) Close() error {
	if err := s.Flush(); err != nil {
		return err
	}
	s.block = binary.BigEndian.AppendUint64(s.block, s.total)
	return s.flush()
}

func (s *Writer) write(b []byte) error {
	n, err := s.w.Write(b)
	s.written += int64(n)
	return err
}

// blockChecksum takes the block's header from the sequence on.
func blockChecksum(head, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[:12], castagnoli), castagnoli, payload)
}
