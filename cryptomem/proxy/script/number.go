package script

import (
	"math"
	"strconv"
	"strings"
)

// formatNumber writes n as Lua does wherever a number becomes a string: C's
// "%.14g".
func formatNumber(n float64) string {
	if i := int64(n); float64(i) == n && -1e14 < n && n < 1e14 && (i != 0 || !math.Signbit(n)) {
		return strconv.FormatInt(i, 10)
	}
	return string(appendG(nil, n, 14))
}

// appendG appends n as C's "%.{precision}g" has it.
func appendG(dst []byte, n float64, precision int) []byte {
	if math.IsInf(n, 0) || math.IsNaN(n) {
		return appendNotFinite(dst, n)
	}
	return strconv.AppendFloat(dst, n, 'g', precision, 64)
}

func appendNotFinite(dst []byte, n float64) []byte {
	if math.Signbit(n) {
		dst = append(dst, '-')
	}
	if math.IsNaN(n) {
		return append(dst, "nan"...)
	}
	return append(dst, "inf"...)
}

// parseNumber reads a number as C's strtod does, with white space about it:
// decimal, hexadecimal, inf and nan.
func parseNumber(s string) (float64, bool) {
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	n, rest, ok := scanNumber(s)
	return n, ok && strings.TrimLeft(rest, " \t\n\v\f\r") == ""
}

// scanNumber reads the longest number that s begins with and returns the rest.
func scanNumber(s string) (n float64, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	sign, body := "", s
	if body != "" && (body[0] == '+' || body[0] == '-') {
		sign, body = body[:1], body[1:]
	}
	if n, rest, ok := scanWord(body); ok {
		if sign == "-" {
			n = -n
		}
		return n, rest, true
	}
	if len(body) > 2 && body[0] == '0' && body[1]|0x20 == 'x' {
		if end, mantissa := span(body[2:], isHexDigit, 'p'); mantissa {
			text := body[:2+end]
			if !strings.ContainsAny(text, "pP") {
				text += "p0"
			}
			n, _ := strconv.ParseFloat(sign+text, 64)
			return n, body[2+end:], true
		}
	}
	end, mantissa := span(body, isDigit, 'e')
	if !mantissa {
		return 0, s, false
	}
	// out of range is what strtod gives too: 0 or an infinity
	n, _ = strconv.ParseFloat(sign+body[:end], 64)
	return n, body[end:], true
}

func scanWord(s string) (n float64, rest string, ok bool) {
	for _, word := range []string{"infinity", "inf"} {
		if len(s) >= len(word) && strings.EqualFold(s[:len(word)], word) {
			return math.Inf(1), s[len(word):], true
		}
	}
	if len(s) < 3 || !strings.EqualFold(s[:3], "nan") {
		return 0, s, false
	}
	rest = s[3:]
	if strings.HasPrefix(rest, "(") {
		end := 1
		for end < len(rest) && (isLetter(int(rest[end])) || isDigit(int(rest[end])) || rest[end] == '_') {
			end++
		}
		if end < len(rest) && rest[end] == ')' {
			rest = rest[end+1:]
		}
	}
	return math.Float64frombits(0x7ff8000000000000), rest, true
}

func isHexDigit(c int) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// span measures digits, a point among them, and an exponent after them.
func span(s string, digit func(int) bool, exponent byte) (end int, mantissa bool) {
	point := false
	for end < len(s) {
		if c := s[end]; digit(int(c)) {
			mantissa = true
		} else if c == '.' && !point {
			point = true
		} else {
			break
		}
		end++
	}
	if !mantissa || end >= len(s) || s[end]|0x20 != exponent {
		return end, mantissa
	}
	e := end + 1
	if e < len(s) && (s[e] == '+' || s[e] == '-') {
		e++
	}
	if e >= len(s) || !isDigit(int(s[e])) {
		return end, mantissa
	}
	for e < len(s) && isDigit(int(s[e])) {
		e++
	}
	return e, mantissa
}

// truncate converts n to an integer as a C cast does on x86: what does not fit
// is the lowest integer.
func truncate(n float64) int64 {
	if n >= -(1<<63) && n < 1<<63 {
		return int64(n)
	}
	return math.MinInt64
}
