package cache

import (
	"encoding/binary"
	"math/bits"
)

// hasher is a keyed 64-bit hash, a variant of wyhash. Without its key, an attacker
// cannot choose keys that collide. It is no cryptographic hash: nothing else rests
// on it.
type hasher struct{ k0, k1 uint64 }

// Odd constants with balanced bits, from wyhash; they keep a zero key sound.
const (
	mix0 = 0xa0761d6478bd642f
	mix1 = 0xe7037ed1a0b428db
	mix2 = 0x8ebc6af09c88c6e3
)

func newHasher(key [16]byte) hasher {
	return hasher{
		k0: binary.LittleEndian.Uint64(key[:8]) ^ mix0,
		k1: binary.LittleEndian.Uint64(key[8:]) ^ mix1,
	}
}

// fold multiplies a and b to 128 bits and returns the XOR of the two halves.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// sum returns the hash of b.
func (h hasher) sum(b []byte) uint64 {
	le := binary.LittleEndian
	n := uint64(len(b))
	state := h.k0
	for len(b) > 16 {
		state = fold(le.Uint64(b)^h.k1, le.Uint64(b[8:])^state)
		b = b[16:]
	}
	// At most 16 bytes are left. Where they are fewer, the reads overlap.
	var lo, hi uint64
	switch l := len(b); {
	case l >= 8:
		lo, hi = le.Uint64(b), le.Uint64(b[l-8:])
	case l >= 4:
		lo, hi = uint64(le.Uint32(b)), uint64(le.Uint32(b[l-4:]))
	case l > 0:
		lo = uint64(b[0])<<16 | uint64(b[l/2])<<8 | uint64(b[l-1])
	}
	return fold(fold(lo^h.k1, hi^state)^h.k0, n^mix2^h.k1)
}
