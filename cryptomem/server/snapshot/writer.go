package snapshot

import (
	"crypto/rand"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
	"net"
	"slices"
	"time"

	"github.com/Zezezknight/cryptomem/cache"
)

// Sizes that the format fixes, in bytes.
const (
	blockHeaderSize = idSize + 16
	itemHeaderSize  = 15
	totalSize       = 8 // the last block's payload
)

// Sizes of payloads, in bytes.
const (
	blockSize = 16 << 10 // at which a block is written: what damage in it loses
	// maxPayload is what several items of one block take at most: an item that is
	// larger has a block to itself. A reader need not believe more.
	maxPayload = 1 << 20
	maxItem    = itemHeaderSize + math.MaxUint16 + cache.MaxValueSizeLimit + math.MaxUint8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A Writer encodes a snapshot. It is for one goroutine.
type Writer struct {
	w  io.Writer
	id [idSize]byte
	// Blocks that are yet to be written, the latest being filled.
	buffer []byte
	// begin of the latest block in buffer.
	begin int
	// items in the latest block.
	items    uint32
	sequence uint32
	total    uint64
	written  int64
}

// NewWriter begins a snapshot taken at the given time.
func NewWriter(w io.Writer, created time.Time) (*Writer, error) {
	h := header{created: created.UnixNano()}
	rand.Read(h.id[:])
	s := &Writer{w: w, id: h.id}
	s.reset()
	return s, s.write(h.prefix())
}

// An Entry is one item of a snapshot. Its key is at most 65,535 bytes, its value
// cache.MaxValueSizeLimit, its account 255.
type Entry struct {
	Key, Value []byte
	// Large from a Reader: a value that is not in Value, for its size.
	Large *Large
	// Unix time in nanoseconds, 0 for never.
	Expiry int64
	// The name of the account that it is charged to, empty for none.
	Account []byte
}

// Append adds an item to what is in memory; it does no I/O and keeps none of the
// slices.
func (s *Writer) Append(it Entry) {
	size := itemHeaderSize + len(it.Key) + len(it.Value) + len(it.Account)
	if s.items > 0 && s.payload()+size > maxPayload {
		s.seal()
	}
	s.buffer = it.appendFront(slices.Grow(s.buffer, size), len(it.Value))
	s.buffer = append(s.buffer, it.Value...)
	s.buffer = append(s.buffer, it.Account...)
	s.items++
}

// appendFront appends what comes before a value of that size.
func (it *Entry) appendFront(b []byte, size int) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(it.Key)))
	b = binary.BigEndian.AppendUint32(b, uint32(size))
	b = binary.BigEndian.AppendUint64(b, uint64(it.Expiry))
	b = append(b, byte(len(it.Account)))
	return append(b, it.Key...)
}

// WriteLarge writes the items in memory and then one whose value is in pieces, in
// a block of its own, without a copy of it.
func (s *Writer) WriteLarge(it Entry, value net.Buffers) error {
	if err := s.Flush(); err != nil {
		return err
	}
	size := 0
	for _, piece := range value {
		size += len(piece)
	}
	s.items = 1
	s.buffer = it.appendFront(s.buffer, size)
	block := s.buffer[s.begin:]
	head := s.head(block, s.payload()+size+len(it.Account))
	sum := blockChecksum(head, block[blockHeaderSize:])
	for _, piece := range append(value[:len(value):len(value)], it.Account) {
		sum = crc32.Update(sum, castagnoli, piece)
	}
	binary.BigEndian.PutUint32(head[12:], sum)
	err := s.write(block)
	for _, piece := range append(value[:len(value):len(value)], it.Account) {
		if err == nil {
			err = s.write(piece)
		}
	}
	s.count()
	s.reset()
	return err
}

// payload returns the size of the latest block's.
func (s *Writer) payload() int { return len(s.buffer) - s.begin - blockHeaderSize }

// Full reports whether what is in memory is to be flushed.
func (s *Writer) Full() bool { return len(s.buffer) >= blockHeaderSize+blockSize }

// Flush writes the items in memory, if there are any.
func (s *Writer) Flush() error {
	if s.items == 0 {
		return nil
	}
	return s.flush()
}

func (s *Writer) flush() error {
	s.seal()
	err := s.write(s.buffer[:s.begin])
	s.reset()
	return err
}

// seal completes the latest block, and begins another.
func (s *Writer) seal() {
	block := s.buffer[s.begin:]
	head := s.head(block, s.payload())
	binary.BigEndian.PutUint32(head[12:], blockChecksum(head, block[blockHeaderSize:]))
	s.count()
	s.beginBlock()
}

// head fills the header of a block whose payload is so long, but for its id and
// its checksum, and returns it from the sequence on.
func (s *Writer) head(block []byte, length int) []byte {
	head := block[idSize:blockHeaderSize]
	binary.BigEndian.PutUint32(head[0:], s.sequence)
	binary.BigEndian.PutUint32(head[4:], s.items)
	binary.BigEndian.PutUint32(head[8:], uint32(length))
	return head
}

// count notes that a block is complete.
func (s *Writer) count() {
	s.total += uint64(s.items)
	s.sequence++
}

func (s *Writer) beginBlock() {
	s.begin, s.items = len(s.buffer), 0
	s.buffer = append(s.buffer, s.id[:]...)
	// seal fills it
	s.buffer = append(s.buffer, make([]byte, blockHeaderSize-idSize)...)
}

// reset empties the memory. What one huge value took is not held on to.
func (s *Writer) reset() {
	if s.buffer = s.buffer[:0]; cap(s.buffer) == 0 || cap(s.buffer) > 4*blockSize {
		s.buffer = make([]byte, 0, 2*blockSize)
	}
	s.beginBlock()
}

// Close writes what is left and the block that ends a whole snapshot. It does
// not close the underlying writer.
func (s *Writer) Close() error {
	if err := s.Flush(); err != nil {
		return err
	}
	s.buffer = binary.BigEndian.AppendUint64(s.buffer, s.total)
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
