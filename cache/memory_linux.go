//go:build linux && !race

package cache

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// memory is address space cut in units of equal size. The operating system
// backs a page of it when it is first written and takes it back on discard, so
// space that is not written costs nothing, and the garbage collector never
// looks at it.
type memory struct {
	base  []byte
	shift uint
}

// newMemory reserves size bytes in units of 1<<shift.
func newMemory(size int64, shift uint) (*memory, error) {
	base, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes of address space: %w", size, err)
	}
	// A huge page would charge 2 MiB for one byte written. A kernel without huge
	// pages returns an error, which does no harm.
	_ = unix.Madvise(base, unix.MADV_NOHUGEPAGE)
	return &memory{base: base, shift: shift}, nil
}

// canReserve reports whether the system would still grant that much address space.
func canReserve(size int) bool {
	m, err := newMemory(int64(size), 0)
	if err != nil {
		return false
	}
	m.free()
	return true
}

func (m *memory) units() int32 { return int32(len(m.base) >> m.shift) }

// unit returns the bytes of unit i.
func (m *memory) unit(i int32) []byte {
	lo, hi := int(i)<<m.shift, (int(i)+1)<<m.shift
	return m.base[lo:hi:hi]
}

// from returns the bytes from p on, which may go beyond the end of its unit.
func (m *memory) from(p position) []byte { return m.base[p:] }

// discard gives the unit's pages back; the unit then reads as zeros. The unit is in
// no list at that time, so no lock is needed.
func (m *memory) discard(i int32) {
	// It cannot fail on a mapping of our own.
	_ = unix.Madvise(m.unit(i), unix.MADV_DONTNEED)
}

// recycle makes a discarded unit ready for use, under the shard's lock.
func (m *memory) recycle(int32) {}

// free ends the mapping; nothing may touch it afterwards.
func (m *memory) free() { _ = unix.Munmap(m.base) }
