package resp

import (
	"math"
	"strconv"
)

// ParseInt reads a decimal number as strictly as Redis does: no sign but '-',
// no leading zeros, no spaces, so that every number has one spelling. On machines of
// 32 bits it reads numbers of 32 bits.
func ParseInt(b []byte) (int, bool) {
	negative := len(b) > 0 && b[0] == '-'
	digits := b
	if negative {
		digits = b[1:]
	}
	switch {
	case len(digits) == 0 || len(digits) > 19:
		return 0, false
	case digits[0] == '0':
		return 0, len(b) == 1
	}
	var n uint64 // 19 digits fit
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + uint64(c-'0')
	}
	switch {
	case negative && n <= -math.MinInt:
		return int(-n), true
	case !negative && n <= math.MaxInt:
		return int(n), true
	}
	return 0, false
}

// AppendFloat appends f as C's printf does with "%.17g", which is how Redis 7.0
// writes a double.
func AppendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	case math.IsNaN(f):
		return append(dst, "nan"...)
	}
	return strconv.AppendFloat(dst, f, 'g', 17, 64)
}
