package script

import (
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// A directive is one of string.format: %-08.3f.
type directive struct {
	minus, plus, space, alternate, zero bool

	width int
	// -1: none.
	precision int
	verb      byte
}

func stringFormat(l *lua.LState) int {
	format := checkString(l, 1)
	arg := 1
	var b []byte
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b = append(b, format[i])
			continue
		}
		i++
		if byteOf(format, i) == '%' {
			b = append(b, '%')
			continue
		}
		if arg++; arg > l.GetTop() {
			argError(l, arg, "no value")
		}
		d, next := parseDirective(l, format, i)
		i = next
		b = d.append(l, b, arg)
	}
	return pushString(l, string(b))
}

const formatFlags = "-+ #0"

func parseDirective(l *lua.LState, format string, i int) (directive, int) {
	d := directive{precision: -1}
	begin := i
	for i < len(format) && strings.IndexByte(formatFlags, format[i]) >= 0 {
		switch format[i] {
		case '-':
			d.minus = true
		case '+':
			d.plus = true
		case ' ':
			d.space = true
		case '#':
			d.alternate = true
		case '0':
			d.zero = true
		}
		i++
	}
	if i-begin > len(formatFlags) {
		raise(l, "invalid format (repeated flags)")
	}
	number := func() (n int) {
		for digits := 0; digits < 2 && isDigit(int(byteOf(format, i))); digits++ {
			n = n*10 + int(format[i]-'0')
			i++
		}
		return n
	}
	d.width = number()
	if byteOf(format, i) == '.' {
		i++
		d.precision = number()
	}
	if isDigit(int(byteOf(format, i))) {
		raise(l, "invalid format (width or precision too long)")
	}
	d.verb = byteOf(format, i)
	return d, i
}

func (d directive) append(l *lua.LState, b []byte, arg int) []byte {
	switch d.verb {
	case 'c':
		return d.pad(b, "", string([]byte{byte(truncate(checkNumber(l, arg)))}), false)
	case 'd', 'i':
		n := truncate(checkNumber(l, arg))
		sign, digits := d.sign(n < 0), strconv.FormatInt(n, 10)
		return d.integer(b, sign, strings.TrimPrefix(digits, "-"))
	case 'o', 'u', 'x', 'X':
		return d.unsigned(b, unsigned(checkNumber(l, arg)))
	case 'e', 'E', 'f', 'g', 'G':
		return d.float(b, checkNumber(l, arg))
	case 'q':
		return appendQuoted(b, checkString(l, arg))
	case 's':
		s := checkString(l, arg)
		if d.precision < 0 && len(s) >= 100 {
			// too long to be formatted
			return append(b, s...)
		}
		if i := strings.IndexByte(s, 0); i >= 0 {
			s = s[:i]
		}
		if d.precision >= 0 && d.precision < len(s) {
			s = s[:d.precision]
		}
		d.zero = false
		return d.pad(b, "", s, false)
	}
	verb := string([]byte{d.verb})
	if d.verb == 0 {
		verb = ""
	}
	raise(l, "invalid option '%%%s' to 'format'", verb)
	return b
}

// unsigned converts as a C cast does on x86.
func unsigned(n float64) uint64 {
	if n >= 1<<63 {
		return uint64(truncate(n-(1<<63))) ^ 1<<63
	}
	return uint64(truncate(n))
}

func (d directive) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case d.plus:
		return "+"
	case d.space:
		return " "
	}
	return ""
}

func (d directive) unsigned(b []byte, n uint64) []byte {
	prefix, digits := "", ""
	switch d.verb {
	case 'o':
		digits = strconv.FormatUint(n, 8)
		if d.alternate && digits[0] != '0' && d.precision <= len(digits) {
			digits = "0" + digits
		}
	case 'u':
		digits = strconv.FormatUint(n, 10)
	default:
		digits = strconv.FormatUint(n, 16)
		if d.alternate && n != 0 {
			prefix = "0x"
		}
		if d.verb == 'X' {
			prefix, digits = strings.ToUpper(prefix), strings.ToUpper(digits)
		}
	}
	return d.integer(b, prefix, digits)
}

func (d directive) integer(b []byte, prefix, digits string) []byte {
	if d.precision == 0 && digits == "0" {
		digits = ""
	}
	if missing := d.precision - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	return d.pad(b, prefix, digits, d.precision < 0)
}

func (d directive) float(b []byte, n float64) []byte {
	text := string(appendNotFinite(nil, n))
	negative := strings.HasPrefix(text, "-")
	finite := n-n == 0
	if finite {
		precision := d.precision
		if precision < 0 {
			precision = 6
		}
		text = d.digits(n, precision)
	}
	text = strings.TrimPrefix(text, "-")
	if d.verb == 'E' || d.verb == 'G' {
		text = strings.ToUpper(text)
	}
	return d.pad(b, d.sign(negative), text, finite)
}

func (d directive) digits(n float64, precision int) string {
	verb := d.verb | 0x20
	if verb == 'g' {
		precision = max(precision, 1)
		if d.alternate {
			return alternateG(n, precision)
		}
	}
	text := strconv.FormatFloat(n, verb, precision, 64)
	// the point stays
	if d.alternate && precision == 0 {
		if e := strings.IndexByte(text, 'e'); e >= 0 {
			return text[:e] + "." + text[e:]
		}
		return text + "."
	}
	return text
}

// alternateG is %#g: trailing zeros stay.
func alternateG(n float64, precision int) string {
	text := strconv.FormatFloat(n, 'e', precision-1, 64)
	exponent, _ := strconv.Atoi(text[strings.IndexByte(text, 'e')+1:])
	if exponent < -4 || exponent >= precision {
		if precision == 1 {
			e := strings.IndexByte(text, 'e')
			return text[:e] + "." + text[e:]
		}
		return text
	}
	text = strconv.FormatFloat(n, 'f', precision-1-exponent, 64)
	if !strings.Contains(text, ".") {
		text += "."
	}
	return text
}

// pad appends prefix and text to the width: zeros go between them.
func (d directive) pad(b []byte, prefix, text string, zeros bool) []byte {
	missing := d.width - len(prefix) - len(text)
	switch {
	case missing <= 0:
		return append(append(b, prefix...), text...)
	case d.minus:
		b = append(append(b, prefix...), text...)
		return append(b, strings.Repeat(" ", missing)...)
	case d.zero && zeros:
		b = append(append(b, prefix...), strings.Repeat("0", missing)...)
		return append(b, text...)
	}
	b = append(b, strings.Repeat(" ", missing)...)
	return append(append(b, prefix...), text...)
}

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\', '\n':
			b = append(b, '\\', c)
		case '\r':
			b = append(b, `\r`...)
		case 0:
			b = append(b, `\000`...)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
