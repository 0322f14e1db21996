package sealing

import (
	"fmt"
	"math/bits"
)

// Padded text is value ‖ 0x80 ‖ zeros, as long as PADMÉ says (Nikitin et al.,
// "Reducing Metadata Leakage from Encrypted Files and Communication with
// PURBs", 2019): lengths keep their log2 log2 leading bits, so that a length
// tells O(log log n) bits and the cost, from the least length on, at most 12.5%.
const (
	padMark = 0x80

	// minPadded hides the shortest lengths, which PADMÉ does not round: "yes" and
	// "no" would still differ.
	minPadded = 32
)

// paddedSize returns how long a value of n bytes is with padding.
func paddedSize(n int) int {
	l := uint(max(n+1, minPadded))
	// floor of log2
	e := bits.Len(l) - 1
	s := bits.Len(uint(e))
	mask := uint(1)<<(e-s) - 1
	return int((l + mask) &^ mask)
}

// pad fills padded[n:], where n is the value's length.
func pad(padded []byte, n int) {
	padded[n] = padMark
	clear(padded[n+1:])
}

// unpad returns the length of the value in padded. It accepts only the padding that
// pad makes. The bytes are already authenticated, so its timing gives an attacker
// no padding oracle.
func unpad(padded []byte) (int, error) {
	n := len(padded) - 1
	for n >= 0 && padded[n] == 0 {
		n--
	}
	if n < 0 || padded[n] != padMark || paddedSize(n) != len(padded) {
		return 0, fmt.Errorf("%w: bad padding", ErrMalformed)
	}
	return n, nil
}
