package resp

import "strconv"

// A Version is that of the protocol that a client has chosen with HELLO; until
// then it is 2.
type Version int

// The versions there are.
const (
	RESP2 Version = 2
	RESP3 Version = 3
)

const crlf = "\r\n"

// AppendSimple appends a short text, such as "OK". Line breaks in it become
// spaces.
func AppendSimple(dst []byte, s string) []byte { return appendLine(dst, Simple, s) }

// AppendError appends an error: its code word, a space, and what is wrong. Line
// breaks in it become spaces.
func AppendError(dst []byte, text string) []byte { return appendLine(dst, Error, text) }

func appendLine(dst []byte, k Kind, text string) []byte {
	dst = append(dst, byte(k))
	for i := range len(text) {
		c := text[i]
		if c == '\r' || c == '\n' {
			c = ' '
		}
		dst = append(dst, c)
	}
	return append(dst, crlf...)
}

// AppendInt appends an integer.
func AppendInt(dst []byte, n int64) []byte { return appendHead(dst, Integer, n) }

// AppendBulk appends a string of any bytes.
func AppendBulk[T []byte | string](dst []byte, s T) []byte {
	dst = appendHead(dst, Bulk, int64(len(s)))
	return append(append(dst, s...), crlf...)
}

// AppendNull appends what stands for no string.
func (v Version) AppendNull(dst []byte) []byte {
	if v == RESP3 {
		return append(dst, "_\r\n"...)
	}
	return append(dst, "$-1\r\n"...)
}

// AppendNullArray appends what stands for no array.
func (v Version) AppendNullArray(dst []byte) []byte {
	if v == RESP3 {
		return append(dst, "_\r\n"...)
	}
	return append(dst, "*-1\r\n"...)
}

// AppendArray begins an array of n elements.
func AppendArray(dst []byte, n int) []byte { return appendHead(dst, Array, int64(n)) }

// AppendMap begins a map of n keys, each followed by its value.
func (v Version) AppendMap(dst []byte, n int) []byte {
	if v == RESP3 {
		return appendHead(dst, Map, int64(n))
	}
	return appendHead(dst, Array, 2*int64(n))
}

// AppendSet begins a set of n elements.
func (v Version) AppendSet(dst []byte, n int) []byte {
	if v == RESP3 {
		return appendHead(dst, Set, int64(n))
	}
	return appendHead(dst, Array, int64(n))
}

// AppendPush begins a message of n elements that answers no command. RESP2 has
// none.
func AppendPush(dst []byte, n int) []byte { return appendHead(dst, Push, int64(n)) }

// AppendDouble appends a floating-point number.
func (v Version) AppendDouble(dst []byte, f float64) []byte {
	if v == RESP3 {
		dst = append(dst, byte(Double))
		return append(AppendFloat(dst, f), crlf...)
	}
	var digits [32]byte
	return AppendBulk(dst, AppendFloat(digits[:0], f))
}

// AppendBool appends a truth value.
func (v Version) AppendBool(dst []byte, b bool) []byte {
	switch {
	case v == RESP3 && b:
		return append(dst, "#t\r\n"...)
	case v == RESP3:
		return append(dst, "#f\r\n"...)
	case b:
		return append(dst, ":1\r\n"...)
	}
	return append(dst, ":0\r\n"...)
}

// AppendVerbatim appends a text for people to read.
func (v Version) AppendVerbatim(dst []byte, text string) []byte {
	if v != RESP3 {
		return AppendBulk(dst, text)
	}
	const format = "txt:"
	dst = appendHead(dst, Verbatim, int64(len(format)+len(text)))
	return append(append(append(dst, format...), text...), crlf...)
}

// appendHead appends the line of a kind with a number.
func appendHead(dst []byte, k Kind, n int64) []byte {
	dst = append(dst, byte(k))
	if 0 <= n && n < 10 {
		dst = append(dst, '0'+byte(n))
	} else {
		dst = strconv.AppendInt(dst, n, 10)
	}
	return append(dst, crlf...)
}
