package freshness

import (
	"encoding/binary"
	"math/bits"
)

// sipHash is SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input
// PRF", 2012): 64 bits under a key of 128. A tag stands for its name wherever the
// table is asked, so an attacker must not be able to choose names that share one.
type sipHash struct{ k0, k1 uint64 }

func newSipHash(key [16]byte) sipHash {
	return sipHash{binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])}
}

// sum returns the hash of b, never 0.
func (h sipHash) sum(b []byte) uint64 {
	v0, v1, v2, v3 := h.k0^0x736f6d6570736575, h.k1^0x646f72616e646f6d, h.k0^0x6c7967656e657261, h.k1^0x7465646279746573
	last := uint64(len(b)) << 56
	for ; len(b) >= 8; b = b[8:] {
		m := binary.LittleEndian.Uint64(b)
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3^m)
		v0 ^= m
	}
	for i, c := range b {
		last |= uint64(c) << (8 * i)
	}
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3^last)
	v0 ^= last
	v2 ^= 0xff
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	return max(v0^v1^v2^v3, 1)
}

func sipRound(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0 += v1
	v2 += v3
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 = bits.RotateLeft64(v0, 32)
	v2 += v1
	v0 += v3
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v2 = bits.RotateLeft64(v2, 32)
	return v0, v1, v2, v3
}

// mix makes one key of a tag and an envelope's id, both of which are random
// already.
func mix(tag, id uint64) uint64 {
	hi, lo := bits.Mul64(tag^0x9e3779b97f4a7c15, id^0xd1b54a32d192ed03)
	return hi ^ lo
}
