package script

import (
	"math"
	"math/bits"

	lua "github.com/yuin/gopher-lua"
)

var bitLibrary = map[string]lua.LGFunction{
	"tobit": bitOne(func(b uint32) uint32 { return b }),
	"bnot":  bitOne(func(b uint32) uint32 { return ^b }),
	"bswap": bitOne(bits.ReverseBytes32),

	"band": bitMany(func(a, b uint32) uint32 { return a & b }),
	"bor":  bitMany(func(a, b uint32) uint32 { return a | b }),
	"bxor": bitMany(func(a, b uint32) uint32 { return a ^ b }),

	"lshift":  bitShift(func(b uint32, n int) uint32 { return b << n }),
	"rshift":  bitShift(func(b uint32, n int) uint32 { return b >> n }),
	"arshift": bitShift(func(b uint32, n int) uint32 { return uint32(int32(b) >> n) }),
	"rol":     bitShift(bits.RotateLeft32),
	"ror":     bitShift(func(b uint32, n int) uint32 { return bits.RotateLeft32(b, -n) }),

	"tohex": bitToHex,
}

// checkBits takes the low 32 bits of a number, rounded to even: adding the
// number pushes them to the end of the mantissa.
func checkBits(l *lua.LState, n int) uint32 {
	const shift = 1<<52 + 1<<51
	return uint32(math.Float64bits(checkNumber(l, n) + shift))
}

func pushBits(l *lua.LState, b uint32) int {
	return results(l, lua.LNumber(int32(b)))
}

func bitOne(f func(uint32) uint32) lua.LGFunction {
	return func(l *lua.LState) int { return pushBits(l, f(checkBits(l, 1))) }
}

func bitMany(f func(a, b uint32) uint32) lua.LGFunction {
	return func(l *lua.LState) int {
		b := checkBits(l, 1)
		for i := l.GetTop(); i > 1; i-- {
			b = f(b, checkBits(l, i))
		}
		return pushBits(l, b)
	}
}

func bitShift(f func(b uint32, n int) uint32) lua.LGFunction {
	return func(l *lua.LState) int {
		b := checkBits(l, 1)
		return pushBits(l, f(b, int(checkBits(l, 2)&31)))
	}
}

func bitToHex(l *lua.LState) int {
	b := checkBits(l, 1)
	n := int32(8)
	if l.GetTop() >= 2 {
		n = int32(checkBits(l, 2))
	}
	digits := "0123456789abcdef"
	if n < 0 {
		n, digits = -n, "0123456789ABCDEF"
	}
	if n > 8 || n < 0 {
		n = 8
	}
	text := make([]byte, n)
	for i := range text {
		text[len(text)-1-i] = digits[b&15]
		b >>= 4
	}
	return results(l, lua.LString(text))
}
