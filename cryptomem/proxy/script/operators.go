package script

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// operators are what the parser calls where the machine's own instruction
// would not do as Lua does. They are shared by all states.
var operators = map[string]*lua.LFunction{
	"..":                function(opConcat),
	"%":                 function(opArithmetic("__mod", modulo)),
	"^":                 function(opArithmetic("__pow", power)),
	"set":               function(opSet),
	"global":            function(opSetGlobal),
	"table":             function(opTable),
	"function":          function(opFunction),
	"for initial value": function(opBound("initial value")),
	"for limit":         function(opBound("limit")),
	"for step":          function(opBound("step")),
	"#":                 function(opLength),
	"guard":             function(opGuard),
}

// An array of the machine has room for all below its highest index: far
// indexes are kept out of it.
func init() { lua.MaxArrayIndex = maxArrayIndex }

const maxArrayIndex = 1 << 20

func function(f lua.LGFunction) *lua.LFunction { return &lua.LFunction{IsG: true, GFunction: f} }

// Approximate sizes in bytes, of what scripts are charged for.
const (
	tableSize    = 128
	fieldSize    = 64
	slotSize     = 16
	functionSize = 160
	threadSize   = 64 << 10
)

func opTable(l *lua.LState) int {
	items, keyed := int(l.Get(2).(lua.LNumber)), int(l.Get(3).(lua.LNumber))
	r := runOf(l)
	r.charge(l, tableSize+items*slotSize+keyed*fieldSize)
	if t, ok := l.Get(1).(*lua.LTable); ok && keyed > 1 {
		if r.shapes == nil {
			r.shapes = map[*lua.LTable]shape{}
		}
		r.shapes[t] = shape{items, keyed}
	}
	l.SetTop(1)
	return 1
}

func opFunction(l *lua.LState) int {
	runOf(l).charge(l, functionSize)
	return l.GetTop()
}

// opConcat joins its arguments from the right to the left, as many at a time
// as are strings or numbers.
func opConcat(l *lua.LState) int {
	r := runOf(l)
	n := l.GetTop()
	size := 0
	plain := n
	for plain > 0 {
		s, ok := l.Get(plain).(lua.LString)
		if !ok {
			if _, ok := l.Get(plain).(lua.LNumber); !ok {
				break
			}
			size += 24
		}
		size += len(s)
		plain--
	}
	if plain > 0 {
		return concatMixed(l, n)
	}
	r.charge(l, size)
	joined := make([]byte, 0, size)
	for i := 1; i <= n; i++ {
		joined = appendString(joined, l.Get(i))
	}
	l.Push(lua.LString(joined))
	return 1
}

func appendString(dst []byte, v lua.LValue) []byte {
	switch v := v.(type) {
	case lua.LString:
		return append(dst, v...)
	case lua.LNumber:
		return append(dst, formatNumber(float64(v))...)
	}
	return dst
}

// concatMixed is opConcat with values among the operands that only a
// metamethod can join.
func concatMixed(l *lua.LState, n int) int {
	r := runOf(l)
	right := l.Get(n)
	for i := n - 1; i >= 1; i-- {
		left := l.Get(i)
		a, okA := toStringValue(left)
		b, okB := toStringValue(right)
		if okA && okB {
			r.charge(l, len(a)+len(b))
			right = lua.LString(a + b)
			continue
		}
		f := metamethod(left, "__concat")
		if f == lua.LNil {
			f = metamethod(right, "__concat")
		}
		if f == lua.LNil {
			if okA {
				typeError(l, "concatenate", right, i)
			}
			typeError(l, "concatenate", left, i-1)
		}
		right = call1(l, f, left, right)
	}
	l.Push(right)
	return 1
}

// metamethod is what a table's metatable has for an event.
func metamethod(v lua.LValue, event string) lua.LValue {
	if t, ok := v.(*lua.LTable); ok {
		if meta, ok := t.Metatable.(*lua.LTable); ok {
			return meta.RawGetString(event)
		}
	}
	return lua.LNil
}

// call1 calls f and returns its one result.
func call1(l *lua.LState, f lua.LValue, args ...lua.LValue) lua.LValue {
	l.Push(f)
	for _, a := range args {
		l.Push(a)
	}
	runOf(l).call(l, len(args), 1)
	v := l.Get(-1)
	l.Pop(1)
	return v
}

func modulo(a, b float64) float64 { return a - float64(math.Floor(a/b)*b) }

// opArithmetic is % and ^, which the machine computes differently.
func opArithmetic(event string, f func(a, b float64) float64) lua.LGFunction {
	return func(l *lua.LState) int {
		a, okA := l.Get(1).(lua.LNumber)
		b, okB := l.Get(2).(lua.LNumber)
		if okA && okB {
			l.Push(lua.LNumber(f(float64(a), float64(b))))
			return 1
		}
		return arithmetic(l, event, f)
	}
}

// arithmetic computes with operands of any type: strings that are numbers, and
// what has metamethods. The machine calls it for strings, nil and the like too.
func arithmetic(l *lua.LState, event string, f func(a, b float64) float64) int {
	left, right := l.Get(1), l.Get(2)
	a, okA := toNumber(left)
	b, okB := toNumber(right)
	if okA && okB {
		l.Push(lua.LNumber(f(a, b)))
		return 1
	}
	method := metamethod(left, event)
	if method == lua.LNil {
		method = metamethod(right, event)
	}
	if method != lua.LNil {
		l.Push(call1(l, method, left, right))
		return 1
	}
	if okA {
		typeError(l, "perform arithmetic on", right, 1)
	}
	typeError(l, "perform arithmetic on", left, 0)
	return 0
}

func opBound(what string) lua.LGFunction {
	return func(l *lua.LState) int {
		n, ok := toNumber(l.Get(1))
		if !ok {
			raise(l, "'for' %s must be a number", what)
		}
		l.Push(lua.LNumber(n))
		return 1
	}
}

// opSet is t[k] = v.
func opSet(l *lua.LState) int {
	object, key, value := l.Get(1), l.Get(2), l.Get(3)
	for range lua.MaxTableGetLoop {
		t, ok := object.(*lua.LTable)
		if ok {
			if t.Metatable == lua.LNil || t.RawGet(key) != lua.LNil {
				return setOrRaise(l, t, key, value)
			}
		}
		method := metamethod(object, "__newindex")
		switch {
		case method == lua.LNil && !ok:
			typeError(l, "index", object, 0)
		case method == lua.LNil:
			return setOrRaise(l, object.(*lua.LTable), key, value)
		case method.Type() == lua.LTFunction:
			l.Push(method)
			l.Push(object)
			l.Push(key)
			l.Push(value)
			runOf(l).call(l, 3, 0)
			return 0
		}
		object = method
	}
	raise(l, "loop in settable")
	return 0
}

// opSetGlobal is the assignment to a global: they are read-only.
func opSetGlobal(l *lua.LState) int {
	return setOrRaise(l, runOf(l).state.globals, l.Get(1), l.Get(2))
}

func setOrRaise(l *lua.LState, t *lua.LTable, key, value lua.LValue) int {
	if wrong := runOf(l).trySet(l, t, key, value); wrong != "" {
		raise(l, "%s", wrong)
	}
	return 0
}

// set writes to a table itself, for a function of ours: its errors have no
// position.
func (r *run) set(l *lua.LState, t *lua.LTable, key, value lua.LValue) {
	if wrong := r.trySet(l, t, key, value); wrong != "" {
		r.throw(l, lua.LString(wrong))
	}
}

const errReadOnly = "Attempt to modify a readonly table"

func (r *run) trySet(l *lua.LState, t *lua.LTable, key, value lua.LValue) (wrong string) {
	if r.readOnly(t) {
		return errReadOnly
	}
	size := fieldSize
	switch k := key.(type) {
	case lua.LNumber:
		if k != k {
			return "table index is NaN"
		}
		if k >= 1 && k < maxArrayIndex && float64(k) == math.Floor(float64(k)) {
			size = slotSize
			if gap := int(k) - t.MaxN() - 1; gap > 0 {
				if value == lua.LNil {
					// nothing to forget
					return ""
				}
				size += slotSize * gap
			}
		}
	case *lua.LNilType:
		return "table index is nil"
	}
	if value == lua.LNil {
		r.forget(l, t, key)
	} else {
		r.charge(l, size)
	}
	t.RawSet(key, value)
	return ""
}

// opLength is #: the machine's own takes a metamethod for tables, which Lua
// 5.1 has not.
func opLength(l *lua.LState) int {
	switch v := l.Get(1).(type) {
	case lua.LString:
		l.Push(lua.LNumber(len(v)))
	case *lua.LTable:
		l.Push(lua.LNumber(v.Len()))
	default:
		typeError(l, "get length of", v, 0)
	}
	return 1
}
