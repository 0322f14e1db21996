package command

import (
	"bytes"
	"math/big"
	"strings"
)

// longDouble is the precision that Redis adds decimal fractions in: that of the
// 80-bit numbers of x86, so that 0.1 + 0.2 is 0.3.
const longDouble = 64

// longestFloat is how many bytes a number may have, a NUL behind it included.
const longestFloat = 5 << 10

// addLongDoubles returns the decimal sum of old, which is 0 if there is none,
// and increment; or the text of an error, which is notFloat if old is no number.
func addLongDoubles(old []byte, exists bool, increment []byte, notFloat string) (sum []byte, text string) {
	a := new(big.Float).SetPrec(longDouble)
	if exists {
		var ok bool
		if a, ok = parseLongDouble(old); !ok {
			return nil, notFloat
		}
	}
	b, ok := parseLongDouble(increment)
	switch {
	case !ok:
		return nil, errNotFloat
	case a.IsInf() || b.IsInf():
		return nil, errNaN
	}
	s := new(big.Float).SetPrec(longDouble).Add(a, b)
	if s.MantExp(nil) > maxExponent {
		return nil, errNaN
	}
	digits := s.Append(make([]byte, 0, 64), 'f', 17)
	digits = bytes.TrimRight(digits, "0")
	digits = bytes.TrimSuffix(digits, []byte("."))
	if string(digits) == "-0" {
		digits = digits[1:]
	}
	return digits, ""
}

// maxExponent is that of the largest 80-bit number, and minExponent that of
// the smallest, in powers of two.
const (
	maxExponent = 16384
	minExponent = -16445
)

// parseLongDouble reads a number as C's strtold does with all of b.
func parseLongDouble(b []byte) (*big.Float, bool) {
	if len(b) == 0 || len(b) >= longestFloat || bytes.IndexByte(b, '_') >= 0 {
		return nil, false
	}
	s := strings.ToLower(string(b))
	digits := strings.TrimLeft(s, "+-")
	switch {
	case len(s)-len(digits) > 1:
		return nil, false
	case digits == "inf", digits == "infinity":
		return new(big.Float).SetInf(b[0] == '-'), true
	case strings.HasPrefix(digits, "0b"), strings.HasPrefix(digits, "0o"):
		return nil, false
	case strings.Contains(digits, "p") && !strings.HasPrefix(digits, "0x"):
		return nil, false
	}
	f, _, err := big.ParseFloat(s, 0, longDouble, big.ToNearestEven)
	if err != nil {
		return nil, false
	}
	if e := f.MantExp(nil); f.Sign() != 0 && (e > maxExponent || e < minExponent) {
		return nil, false
	}
	return f, true
}
