package script

import (
	"encoding/binary"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

var structLibrary = map[string]lua.LGFunction{"pack": structPack, "unpack": structUnpack, "size": structSize}

const maxIntSize = 32 // bytes of an integer

// A structFormat walks a format of the struct library.
type structFormat struct {
	l      *lua.LState
	format string
	big    bool
	align  int
}

func (f *structFormat) next() (option byte, size int) {
	option = f.format[0]
	f.format = f.format[1:]
	switch option {
	case 'B', 'b', 'x':
		size = 1
	case 'H', 'h':
		size = 2
	case 'f':
		size = 4
	case 'L', 'l', 'T', 'd':
		size = 8
	case 'c':
		size = f.number(1)
	case 'i', 'I':
		if size = f.number(4); size > maxIntSize {
			raise(f.l, "integral size %d is larger than limit of %d", size, maxIntSize)
		}
	}
	return option, size
}

func (f *structFormat) number(otherwise int) int {
	if f.format == "" || !isDigit(int(f.format[0])) {
		return otherwise
	}
	n := 0
	for f.format != "" && isDigit(int(f.format[0])) {
		digit := int(f.format[0] - '0')
		if n > (math.MaxInt32-digit)/10 {
			raise(f.l, "integral size overflow")
		}
		n = n*10 + digit
		f.format = f.format[1:]
	}
	return n
}

// padding is how many bytes put an element of size at a multiple of its size.
func (f *structFormat) padding(at int, option byte, size int) int {
	if size == 0 || option == 'c' {
		return 0
	}
	size = min(size, f.align)
	return (size - at&(size-1)) & (size - 1)
}

func (f *structFormat) control(option byte) {
	switch option {
	case ' ':
	case '>':
		f.big = true
	case '<':
		f.big = false
	case '!':
		n := f.number(8)
		if n <= 0 || n&(n-1) != 0 {
			raise(f.l, "alignment %d is not a power of 2", n)
		}
		f.align = n
	default:
		argError(f.l, 1, "invalid format option '"+string([]byte{option})+"'")
	}
}

// cString is s up to a zero byte.
func cString(s string) string {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return s[:i]
	}
	return s
}

func structPack(l *lua.LState) int {
	f := &structFormat{l: l, format: cString(checkString(l, 1)), align: 1}
	// what Lua's own puts behind the arguments shows in an error
	l.Push(lua.LNil)
	var b []byte
	arg := 2
	for f.format != "" {
		option, size := f.next()
		b = append(b, make([]byte, f.padding(len(b), option, size))...)
		switch option {
		case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I':
			b = f.appendInteger(b, checkNumber(l, arg), size)
			arg++
		case 'x':
			b = append(b, 0)
		case 'f':
			b = f.appendOrdered(b, binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(checkNumber(l, arg)))))
			arg++
		case 'd':
			b = f.appendOrdered(b, binary.LittleEndian.AppendUint64(nil, math.Float64bits(checkNumber(l, arg))))
			arg++
		case 'c', 's':
			s := checkString(l, arg)
			arg++
			if size == 0 {
				size = len(s)
			}
			if len(s) < size {
				argError(l, arg, "string too short")
			}
			b = append(b, s[:size]...)
			if option == 's' {
				b = append(b, 0)
			}
		default:
			f.control(option)
		}
		runOf(l).charge(l, size)
	}
	return results(l, lua.LString(b))
}

func (f *structFormat) appendInteger(b []byte, n float64, size int) []byte {
	value := uint64(truncate(n))
	if n > 0 {
		value = unsigned(n)
	}
	digits := make([]byte, size)
	for i := range digits {
		digits[i] = byte(value)
		value >>= 8
	}
	return f.appendOrdered(b, digits)
}

// appendOrdered appends digits, which are little-endian, in the order of the
// format.
func (f *structFormat) appendOrdered(b, digits []byte) []byte {
	if !f.big {
		return append(b, digits...)
	}
	for i := len(digits) - 1; i >= 0; i-- {
		b = append(b, digits[i])
	}
	return b
}

func structUnpack(l *lua.LState) int {
	f := &structFormat{l: l, format: cString(checkString(l, 1)), align: 1}
	r := &structReader{structFormat: f, data: checkString(l, 2), at: optInteger(l, 3, 1)}
	if r.at == 0 {
		argError(l, 3, "offset must be 1 or greater")
	}
	r.at--
	for r.format != "" {
		r.element()
	}
	return results(l, append(r.values, lua.LNumber(r.at+1))...)
}

// A structReader reads the elements of a format from data, the next one at the offset at.
type structReader struct {
	*structFormat
	data   string
	at     int
	values []lua.LValue
}

func (r *structReader) element() {
	option, size := r.next()
	if r.at >= 0 {
		r.at += r.padding(r.at, option, size)
	}
	r.require(size)
	if len(r.values) >= maxUnpack {
		raise(r.l, "stack overflow (too many results)")
	}
	runOf(r.l).spend(r.l, 1)
	rest := r.data[r.at:]
	switch option {
	case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I':
		r.push(lua.LNumber(r.integer(rest[:size], option >= 'a')))
	case 'x':
	case 'f':
		r.push(lua.LNumber(math.Float32frombits(uint32(r.bits(rest[:size])))))
	case 'd':
		r.push(lua.LNumber(math.Float64frombits(r.bits(rest[:size]))))
	case 'c':
		if size == 0 {
			size = r.popSize()
			r.require(size)
		}
		r.push(lua.LString(rest[:size]))
	case 's':
		end := strings.IndexByte(rest, 0)
		if end < 0 {
			raise(r.l, "unfinished string in data")
		}
		r.push(lua.LString(rest[:end]))
		size = end + 1
	default:
		r.control(option)
	}
	r.at += size
}

func (r *structReader) push(v lua.LValue) { r.values = append(r.values, v) }

// popSize takes back the last value, which is the size of a c0.
func (r *structReader) popSize() int {
	n, ok := 0.0, false
	last := len(r.values) - 1
	if last >= 0 {
		n, ok = toNumber(r.values[last])
	}
	if !ok {
		raise(r.l, "format 'c0' needs a previous size")
	}
	r.values = r.values[:last]
	size := int(truncate(n))
	if size < 0 {
		return math.MaxInt
	}
	return size
}

// require raises an error unless size more bytes are there.
func (r *structReader) require(size int) {
	if size > len(r.data) || r.at < 0 || r.at > len(r.data)-size {
		argError(r.l, 2, "data string too short")
	}
}

// bits reads an integer; of a longer one, the low 64 bits.
func (f *structFormat) bits(data string) uint64 {
	var n uint64
	for i := range len(data) {
		if f.big {
			n = n<<8 | uint64(data[i])
		} else {
			n = n<<8 | uint64(data[len(data)-1-i])
		}
	}
	return n
}

func (f *structFormat) integer(data string, signed bool) float64 {
	n := f.bits(data)
	if !signed {
		return float64(n)
	}
	// C shifts by the size modulo 64, on x86.
	mask := ^uint64(0) << ((len(data)*8 - 1) & 63)
	if n&mask != 0 {
		n |= mask
	}
	return float64(int64(n))
}

func structSize(l *lua.LState) int {
	f := &structFormat{l: l, format: cString(checkString(l, 1)), align: 1}
	at := 0
	for f.format != "" {
		option, size := f.next()
		at += f.padding(at, option, size)
		switch {
		case option == 's':
			argError(l, 1, "option 's' has no fixed size")
		case option == 'c' && size == 0:
			argError(l, 1, "option 'c0' has no fixed size")
		case !isLetter(int(option)) && !isDigit(int(option)):
			f.control(option)
		}
		at += size
	}
	return results(l, lua.LNumber(at))
}
