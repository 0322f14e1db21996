package script

import (
	"fmt"
	"math"
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// null is cjson.null.
var null = &lua.LUserData{Metatable: lua.LNil}

// jsonConfig is what a script can set about cjson. It holds for that script
// only, where Redis keeps it for all that come after.
type jsonConfig struct {
	sparseConvert           bool
	sparseRatio, sparseSafe int
	encodeDepth             int
	decodeDepth             int
	precision               int
	keepBuffer              bool
	// 0 refuse, 1 write, 2 write null.
	encodeInvalid int
	decodeInvalid bool
}

var jsonDefaults = jsonConfig{
	sparseRatio: 2, sparseSafe: 10, encodeDepth: 1000, decodeDepth: 1000, precision: 14, keepBuffer: true, decodeInvalid: true,
}

func newCJSON(config func(*lua.LState) *jsonConfig) *lua.LTable {
	with := func(f func(*lua.LState, *jsonConfig) int) lua.LGFunction {
		return func(l *lua.LState) int { return f(l, config(l)) }
	}
	option := func(args int, f func(*lua.LState, *jsonConfig) int) lua.LGFunction {
		return func(l *lua.LState) int {
			if l.GetTop() > args {
				argError(l, args+1, "found too many arguments")
			}
			return f(l, config(l))
		}
	}
	t := library(map[string]lua.LGFunction{
		"encode": with(jsonEncode), "decode": with(jsonDecode), "new": jsonNew,
		"encode_sparse_array": option(3, jsonSparse),
		"encode_max_depth": option(1, func(l *lua.LState, c *jsonConfig) int {
			return integerOption(l, 1, &c.encodeDepth, 1, math.MaxInt32)
		}),
		"decode_max_depth": option(1, func(l *lua.LState, c *jsonConfig) int {
			return integerOption(l, 1, &c.decodeDepth, 1, math.MaxInt32)
		}),
		"encode_number_precision": option(1, func(l *lua.LState, c *jsonConfig) int {
			return integerOption(l, 1, &c.precision, 1, 14)
		}),
		"encode_keep_buffer": option(1, func(l *lua.LState, c *jsonConfig) int { return switchOption(l, 1, &c.keepBuffer) }),
		"decode_invalid_numbers": option(1, func(l *lua.LState, c *jsonConfig) int {
			return switchOption(l, 1, &c.decodeInvalid)
		}),
		"encode_invalid_numbers": option(1, jsonInvalidNumbers),
	})
	t.RawSetString("null", null)
	t.RawSetString("_NAME", lua.LString("cjson"))
	t.RawSetString("_VERSION", lua.LString("2.1.0"))
	return t
}

func jsonNew(l *lua.LState) int {
	runOf(l).charge(l, 32*fieldSize)
	config := jsonDefaults
	return results(l, newCJSON(func(*lua.LState) *jsonConfig { return &config }))
}

func integerOption(l *lua.LState, n int, setting *int, least, most int) int {
	if l.Get(n) != lua.LNil {
		v := checkInt(l, n)
		if v < least || v > most {
			argError(l, 1, fmt.Sprintf("expected integer between %d and %d", least, most))
		}
		*setting = v
	}
	return results(l, lua.LNumber(*setting))
}

func switchOption(l *lua.LState, n int, setting *bool) int {
	switch v := l.Get(n).(type) {
	case *lua.LNilType:
	case lua.LBool:
		*setting = bool(v)
	default:
		*setting = checkOption(l, n, "", []string{"off", "on"}) == 1
	}
	return results(l, lua.LBool(*setting))
}

func jsonSparse(l *lua.LState, c *jsonConfig) int {
	l.SetTop(3)
	switchOption(l, 1, &c.sparseConvert)
	integerOption(l, 2, &c.sparseRatio, 0, math.MaxInt32)
	integerOption(l, 3, &c.sparseSafe, 0, math.MaxInt32)
	return 3
}

func jsonInvalidNumbers(l *lua.LState, c *jsonConfig) int {
	options := []string{"off", "on", "null"}
	switch v := l.Get(1).(type) {
	case *lua.LNilType:
	case lua.LBool:
		c.encodeInvalid = 0
		if v {
			c.encodeInvalid = 1
		}
	default:
		c.encodeInvalid = checkOption(l, 1, "", options)
	}
	if c.encodeInvalid == 2 {
		return results(l, lua.LString("null"))
	}
	return results(l, lua.LBool(c.encodeInvalid == 1))
}

func jsonEncode(l *lua.LState, c *jsonConfig) int {
	if l.GetTop() != 1 {
		argError(l, 1, "expected 1 argument")
	}
	e := &jsonEncoder{l: l, r: runOf(l), c: c}
	e.value(l.Get(1), 0)
	e.account()
	return results(l, lua.LString(e.b))
}

type jsonEncoder struct {
	l       *lua.LState
	r       *run
	c       *jsonConfig
	b       []byte
	charged int
}

// account charges for what was written since.
func (e *jsonEncoder) account() {
	e.r.charge(e.l, len(e.b)-e.charged)
	e.charged = len(e.b)
}

func (e *jsonEncoder) fail(v lua.LValue, reason string) {
	raise(e.l, "Cannot serialise %s: %s", typeOf(v), reason)
}

func (e *jsonEncoder) value(v lua.LValue, depth int) {
	e.r.spend(e.l, 1)
	switch v := v.(type) {
	case lua.LString:
		e.text(string(v))
	case lua.LNumber:
		e.number(v)
	case lua.LBool:
		e.b = append(e.b, v.String()...)
	case *lua.LNilType:
		e.b = append(e.b, "null"...)
	case *lua.LUserData:
		e.b = append(e.b, "null"...)
	case *lua.LTable:
		e.table(v, depth+1)
	default:
		e.fail(v, "type not supported")
	}
	if len(e.b)-e.charged > checkEvery {
		e.account()
	}
}

func (e *jsonEncoder) number(n lua.LNumber) {
	f := float64(n)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		switch {
		case e.c.encodeInvalid == 0:
			e.fail(n, "must not be NaN or Inf")
		case e.c.encodeInvalid == 2:
			e.b = append(e.b, "null"...)
			return
		case math.IsNaN(f):
			e.b = append(e.b, "nan"...)
			return
		}
	}
	e.b = appendG(e.b, f, e.c.precision)
}

func (e *jsonEncoder) text(s string) {
	e.b = append(e.b, '"')
	for i := range len(s) {
		e.b = appendJSONByte(e.b, s[i])
	}
	e.b = append(e.b, '"')
}

func appendJSONByte(b []byte, c byte) []byte {
	const short = "\b\t\n\f\r"
	switch {
	case c == '"' || c == '\\' || c == '/':
		return append(b, '\\', c)
	case c >= 32 && c != 127:
		return append(b, c)
	}
	if i := slices.Index([]byte(short), c); i >= 0 {
		return append(b, '\\', "btnfr"[i])
	}
	return fmt.Appendf(b, `\u%04x`, c)
}

func (e *jsonEncoder) table(t *lua.LTable, depth int) {
	if depth > e.c.encodeDepth {
		raise(e.l, "Cannot serialise, excessive nesting (%d)", depth)
	}
	if n := e.arrayLength(t); n > 0 {
		e.b = append(e.b, '[')
		for i := 1; i <= n; i++ {
			if i > 1 {
				e.b = append(e.b, ',')
			}
			e.value(get(t, i), depth)
		}
		e.b = append(e.b, ']')
		return
	}
	e.b = append(e.b, '{')
	first := true
	each(e.r, e.l, t, func(k, v lua.LValue) {
		if !first {
			e.b = append(e.b, ',')
		}
		first = false
		switch k := k.(type) {
		case lua.LNumber:
			e.b = append(e.b, '"')
			e.number(k)
			e.b = append(e.b, '"')
		case lua.LString:
			e.text(string(k))
		default:
			e.fail(k, "table key must be a number or string")
		}
		e.b = append(e.b, ':')
		e.value(v, depth)
	})
	e.b = append(e.b, '}')
}

// arrayLength is how long t is as an array, or -1 if it is none.
func (e *jsonEncoder) arrayLength(t *lua.LTable) int {
	most, items := 0, 0
	for k, _, _ := next(e.r, e.l, t, lua.LNil); k != lua.LNil; k, _, _ = next(e.r, e.l, t, k) {
		e.r.spend(e.l, 1)
		n, ok := k.(lua.LNumber)
		if !ok || n < 1 || math.Floor(float64(n)) != float64(n) {
			return -1
		}
		most = max(most, int(int32(truncate(float64(n)))))
		items++
	}
	c := e.c
	if c.sparseRatio > 0 && most > items*c.sparseRatio && most > c.sparseSafe {
		if !c.sparseConvert {
			e.fail(t, "excessively sparse array")
		}
		return -1
	}
	return most
}
