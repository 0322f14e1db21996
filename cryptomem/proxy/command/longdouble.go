package command

import (
	"bytes"
	"math/big"
	"strings"
)

// longDouble is the precision that Redis adds decimal fractions in: that of the
// 80-bit numbers of x86, so that 0.1 + 0.2 is 0.3.
const longDouble = 64

// longest is how many bytes a decimal may have, and how large its exponent may
// be, in powers of ten: INCRBYFLOAT writes it without one.
const longestFloat = 256

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
	digits := s.Append(make([]byte, 0, 64), 'f', 17)
	digits = bytes.TrimRight(digits, "0")
	digits = bytes.TrimSuffix(digits, []byte("."))
	if string(digits) == "-0" {
		digits = digits[1:]
	}
	return digits, ""
}

// parseLongDouble reads a decimal as C's strtold does with all of b.
func parseLongDouble(b []byte) (*big.Float, bool) {
	if len(b) == 0 || len(b) > longestFloat || strings.ContainsAny(string(b), "_pP") {
		return nil, false
	}
	switch strings.ToLower(strings.TrimLeft(string(b), "+-")) {
	case "inf", "infinity":
		return new(big.Float).SetInf(b[0] == '-'), true
	}
	// A decimal of any exponent would become digits without end.
	if f, ok := parseFloat(b); !ok || f != f {
		return nil, false
	}
	f, _, err := big.ParseFloat(string(b), 10, longDouble, big.ToNearestEven)
	return f, err == nil
}
