package script

import (
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
)

// The tokens of JSON, by the names that cjson's errors have for them.
const (
	jsonObjectBegin = "T_OBJ_BEGIN"
	jsonObjectEnd   = "T_OBJ_END"
	jsonArrayBegin  = "T_ARR_BEGIN"
	jsonArrayEnd    = "T_ARR_END"
	jsonString      = "T_STRING"
	jsonNumber      = "T_NUMBER"
	jsonBoolean     = "T_BOOLEAN"
	jsonNull        = "T_NULL"
	jsonColon       = "T_COLON"
	jsonComma       = "T_COMMA"
	jsonEnd         = "T_END"
)

type jsonDecoder struct {
	l     *lua.LState
	r     *run
	c     *jsonConfig
	data  string
	at    int
	depth int

	// Or what is wrong with it.
	token string
	// place is where the error is.
	place int
	value lua.LValue
}

func jsonDecode(l *lua.LState, c *jsonConfig) int {
	if l.GetTop() != 1 {
		argError(l, 1, "expected 1 argument")
	}
	d := &jsonDecoder{l: l, r: runOf(l), c: c, data: checkString(l, 1)}
	if len(d.data) >= 2 && (d.data[0] == 0 || d.data[1] == 0) {
		raise(l, "JSON parser does not support UTF-16 or UTF-32")
	}
	d.next()
	v := d.read()
	d.next()
	if d.token != jsonEnd {
		d.fail("the end")
	}
	return results(l, v)
}

func (d *jsonDecoder) fail(expected string) {
	raise(d.l, "Expected %s but found %s at character %d", expected, d.token, d.place+1)
}

// wrong makes the token one that nothing accepts.
func (d *jsonDecoder) wrong(what string) { d.token, d.place = what, d.at }

func (d *jsonDecoder) byte(offset int) byte { return byteOf(d.data, d.at+offset) }

func (d *jsonDecoder) next() {
	d.r.spend(d.l, 1)
	for c := d.byte(0); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = d.byte(0) {
		d.at++
	}
	d.place = d.at
	punctuation := map[byte]string{
		'{': jsonObjectBegin, '}': jsonObjectEnd, '[': jsonArrayBegin, ']': jsonArrayEnd, ',': jsonComma, ':': jsonColon,
	}
	rest := d.data[min(d.at, len(d.data)):]
	switch c := d.byte(0); {
	case punctuation[c] != "":
		d.token = punctuation[c]
		d.at++
	case c == 0:
		d.token = jsonEnd
	case c == '"':
		d.text()
	case c == '-' || isDigit(int(c)):
		if !d.c.decodeInvalid && invalidNumber(rest) {
			d.wrong("invalid number")
			return
		}
		d.number(rest)
	case strings.HasPrefix(rest, "true"):
		d.token, d.value, d.at = jsonBoolean, lua.LTrue, d.at+4
	case strings.HasPrefix(rest, "false"):
		d.token, d.value, d.at = jsonBoolean, lua.LFalse, d.at+5
	case strings.HasPrefix(rest, "null"):
		d.token, d.value, d.at = jsonNull, null, d.at+4
	case strings.IndexByte("iInN+", c) >= 0 && d.c.decodeInvalid && invalidNumber(rest):
		d.number(rest)
	default:
		d.wrong("invalid token")
	}
}

// invalidNumber tells of a number that JSON has not: hexadecimal, with a plus
// or leading zeros, inf, nan.
func invalidNumber(s string) bool {
	if s[0] == '+' {
		return true
	}
	s = strings.TrimPrefix(s, "-")
	if byteOf(s, 0) == '0' {
		c := byteOf(s, 1)
		return c|0x20 == 'x' || isDigit(int(c))
	}
	return len(s) >= 3 && byteOf(s, 0) > '9' && (strings.EqualFold(s[:3], "inf") || strings.EqualFold(s[:3], "nan"))
}

func (d *jsonDecoder) number(rest string) {
	n, left, ok := scanNumber(rest)
	if !ok {
		d.wrong("invalid number")
		return
	}
	d.token, d.value = jsonNumber, lua.LNumber(n)
	d.at += len(rest) - len(left)
}

func (d *jsonDecoder) text() {
	d.at++
	begin := d.at
	end := strings.IndexAny(d.data[begin:], "\"\\\x00")
	// nothing to unescape
	if end >= 0 && d.data[begin+end] == '"' {
		d.at += end + 1
		d.r.charge(d.l, slotSize)
		d.token, d.value = jsonString, lua.LString(d.data[begin:begin+end])
		return
	}
	var b []byte
	for {
		switch c := d.byte(0); c {
		case '"':
			d.at++
			d.r.charge(d.l, len(b))
			d.token, d.value = jsonString, lua.LString(b)
			return
		case 0:
			d.wrong("unexpected end of string")
			return
		case '\\':
			what := ""
			if b, what = d.escape(b); what != "" {
				d.wrong(what)
				return
			}
		default:
			b = append(b, c)
			d.at++
		}
	}
}

func (d *jsonDecoder) escape(b []byte) (_ []byte, wrong string) {
	const from, to = `"\/btnfr`, "\"\\/\b\t\n\f\r"
	c := d.byte(1)
	if i := strings.IndexByte(from, c); i >= 0 && c != 0 {
		d.at += 2
		return append(b, to[i]), ""
	}
	if c != 'u' {
		return b, "invalid escape code"
	}
	const invalid = "invalid unicode escape code"
	code, ok := hex4(d.data, d.at+2)
	size := 6
	if !ok {
		return b, invalid
	}
	if code&0xf800 == 0xd800 {
		low, ok := hex4(d.data, d.at+8)
		if code&0x400 != 0 || d.byte(6) != '\\' || d.byte(7) != 'u' || !ok || low&0xfc00 != 0xdc00 {
			return b, invalid
		}
		code = 0x10000 + (code&0x3ff<<10 | low&0x3ff)
		size = 12
	}
	d.at += size
	return utf8.AppendRune(b, code), ""
}

func hex4(s string, at int) (rune, bool) {
	if at+4 > len(s) {
		return 0, false
	}
	var n rune
	for _, c := range []byte(s[at : at+4]) {
		switch {
		case isDigit(int(c)):
			n = n<<4 | rune(c-'0')
		case isHexDigit(int(c)):
			n = n<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// read turns the token, and what belongs to it, into a value.
func (d *jsonDecoder) read() lua.LValue {
	switch d.token {
	case jsonString, jsonNumber, jsonBoolean, jsonNull:
		return d.value
	case jsonObjectBegin:
		return d.object()
	case jsonArrayBegin:
		return d.array()
	}
	d.fail("value")
	return nil
}

func (d *jsonDecoder) descend() *lua.LTable {
	d.depth++
	if d.depth > d.c.decodeDepth {
		raise(d.l, "Found too many nested data structures (%d) at character %d", d.depth, d.at)
	}
	d.r.charge(d.l, tableSize)
	return d.l.CreateTable(0, 0)
}

func (d *jsonDecoder) object() lua.LValue {
	t := d.descend()
	for d.next(); d.token != jsonObjectEnd; {
		if d.token != jsonString {
			d.fail("object key string")
		}
		key := d.value
		if d.next(); d.token != jsonColon {
			d.fail("colon")
		}
		d.next()
		d.r.set(d.l, t, key, d.read())
		if d.next(); d.token == jsonObjectEnd {
			break
		}
		if d.token != jsonComma {
			d.fail("comma or object end")
		}
		if d.next(); d.token == jsonObjectEnd {
			d.fail("object key string")
		}
	}
	d.depth--
	return t
}

func (d *jsonDecoder) array() lua.LValue {
	t := d.descend()
	d.next()
	for i := 1; d.token != jsonArrayEnd || i > 1; i++ {
		d.r.set(d.l, t, lua.LNumber(i), d.read())
		if d.next(); d.token == jsonArrayEnd {
			break
		}
		if d.token != jsonComma {
			d.fail("comma or array end")
		}
		d.next()
	}
	d.depth--
	return t
}
