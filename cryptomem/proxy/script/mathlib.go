package script

import (
	"math"
	"sync"

	lua "github.com/yuin/gopher-lua"
)

func mathTable() *lua.LTable {
	t := library(mathLibrary)
	for n, f := range mathFunctions {
		t.RawSetString(n, function(func(l *lua.LState) int {
			x := checkNumber(l, 1)
			if x == x {
				x = f(x)
			}
			return results(l, lua.LNumber(x))
		}))
	}
	t.RawSetString("pi", lua.LNumber(math.Pi))
	t.RawSetString("huge", lua.LNumber(math.Inf(1)))
	return t
}

// mathFunctions are those of one number.
var mathFunctions = map[string]func(float64) float64{
	"abs": math.Abs, "acos": math.Acos, "asin": math.Asin, "atan": math.Atan, "ceil": math.Ceil,
	"cos": negativeNaN(math.Cos), "cosh": math.Cosh, "exp": exp, "floor": math.Floor, "log": negativeNaN(logarithm),
	"log10": log10, "sin": negativeNaN(math.Sin), "sinh": math.Sinh, "sqrt": negativeNaN(math.Sqrt),
	"tan": negativeNaN(math.Tan), "tanh": math.Tanh,
	"deg": func(x float64) float64 { return x / (math.Pi / 180) },
	"rad": func(x float64) float64 { return x * (math.Pi / 180) },
}

// negativeNaN is f with the NaN that C has for it on x86, whose sign shows.
func negativeNaN(f func(float64) float64) func(float64) float64 {
	return func(x float64) float64 {
		y := f(x)
		if y != y {
			return math.Copysign(y, -1)
		}
		return y
	}
}

func fmod(x, y float64) float64 {
	switch z := math.Mod(x, y); {
	case z == z:
		return z
	case x != x:
		return x
	case y != y:
		return y
	}
	return math.Copysign(math.NaN(), -1)
}

var mathLibrary = map[string]lua.LGFunction{
	"atan2": mathTwo(math.Atan2), "fmod": mathTwo(fmod), "mod": mathTwo(fmod), "pow": mathTwo(power),
	"frexp": mathFrexp, "ldexp": mathLdexp, "max": mathMax, "min": mathMin, "modf": mathModf,
	"random": mathRandom, "randomseed": mathRandomSeed,
}

func mathTwo(f func(a, b float64) float64) lua.LGFunction {
	return func(l *lua.LState) int {
		a := checkNumber(l, 1)
		return results(l, lua.LNumber(f(a, checkNumber(l, 2))))
	}
}

func mathFrexp(l *lua.LState) int {
	fraction, exponent := math.Frexp(checkNumber(l, 1))
	return results(l, lua.LNumber(fraction), lua.LNumber(exponent))
}

func mathLdexp(l *lua.LState) int {
	x := checkNumber(l, 1)
	return results(l, lua.LNumber(math.Ldexp(x, checkInt(l, 2))))
}

func mathModf(l *lua.LState) int {
	x := checkNumber(l, 1)
	if math.IsInf(x, 0) {
		return results(l, lua.LNumber(x), lua.LNumber(math.Copysign(0, x)))
	}
	whole := math.Trunc(x)
	return results(l, lua.LNumber(whole), lua.LNumber(math.Copysign(x-whole, x)))
}

func mathMax(l *lua.LState) int {
	most := checkNumber(l, 1)
	for i := 2; i <= l.GetTop(); i++ {
		if x := checkNumber(l, i); x > most {
			most = x
		}
	}
	return results(l, lua.LNumber(most))
}

func mathMin(l *lua.LState) int {
	least := checkNumber(l, 1)
	for i := 2; i <= l.GetTop(); i++ {
		if x := checkNumber(l, i); x < least {
			least = x
		}
	}
	return results(l, lua.LNumber(least))
}

// lrand48 is Redis' own generator, the same on every machine: the linear
// congruential one of POSIX.
type lrand48 uint64

const (
	lrand48Start = 0x1234abcd330e
	lrand48Max   = math.MaxInt32
)

func seeded(seed int32) *lrand48 {
	g := lrand48(uint32(seed))<<16 | 0x330e
	return &g
}

func (g *lrand48) next() int32 {
	*g = (*g*0x5deece66d + 0xb) & (1<<48 - 1)
	return int32(*g >> 17)
}

// A sharedRandom goes on from script to script, as in Redis. A script that
// seeds has one of its own from there on.
type sharedRandom struct {
	mu sync.Mutex
	g  lrand48
}

func (s *sharedRandom) next() int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.g.next()
}

func (r *run) nextRandom() int32 {
	if r.random != nil {
		return r.random.next()
	}
	return r.shared.next()
}

func mathRandom(l *lua.LState) int {
	x := float64(runOf(l).nextRandom()%lrand48Max) / lrand48Max
	switch l.GetTop() {
	case 0:
		return results(l, lua.LNumber(x))
	case 1:
		high := checkInt(l, 1)
		if high < 1 {
			argError(l, 1, "interval is empty")
		}
		return results(l, lua.LNumber(math.Floor(x*float64(high))+1))
	case 2:
		low := checkInt(l, 1)
		high := checkInt(l, 2)
		if low > high {
			argError(l, 2, "interval is empty")
		}
		span := int32(high - low + 1)
		return results(l, lua.LNumber(math.Floor(x*float64(span))+float64(low)))
	}
	raise(l, "wrong number of arguments")
	return 0
}

func mathRandomSeed(l *lua.LState) int {
	runOf(l).random = seeded(int32(checkInt(l, 1)))
	return 0
}
