//go:build !linux || race

package cache

// memory is units of equal size on the Go heap, each made when first used. It
// serves systems without the mapping of memory_linux.go, and the race
// detector, which sees what happens on the heap.
type memory struct {
	chunks [][]byte
	max    int32
	shift  uint
}

func newMemory(size int64, shift uint) (*memory, error) {
	return &memory{max: int32(size >> shift), shift: shift}, nil
}

// canReserve returns true: this memory reserves no address space.
func canReserve(int) bool { return true }

func (m *memory) units() int32 { return m.max }

// unit returns the bytes of unit i, under the shard's lock.
func (m *memory) unit(i int32) []byte {
	for int(i) >= len(m.chunks) {
		m.chunks = append(m.chunks, nil)
	}
	if m.chunks[i] == nil {
		m.chunks[i] = make([]byte, 1<<m.shift)
	}
	return m.chunks[i]
}

// from returns the bytes from p to the end of its unit.
func (m *memory) from(p position) []byte { return m.unit(p.segment())[p.offset():] }

// discard does nothing here: recycle drops the unit.
func (m *memory) discard(int32) {}

// recycle makes a discarded unit ready for use, under the shard's lock.
func (m *memory) recycle(i int32) {
	if int(i) < len(m.chunks) {
		m.chunks[i] = nil
	}
}

func (m *memory) free() {}
