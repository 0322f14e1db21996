package script

import (
	lua "github.com/yuin/gopher-lua"
)

// What follows reads arguments of a library function as Lua's C functions do:
// numbers pass for strings and strings that read as numbers for numbers.

func toStringValue(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return formatNumber(float64(v)), true
	}
	return "", false
}

func toNumber(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		return parseNumber(string(v))
	}
	return 0, false
}

func checkAny(l *lua.LState, n int) lua.LValue {
	if n > l.GetTop() {
		argError(l, n, "value expected")
	}
	return l.Get(n)
}

func checkString(l *lua.LState, n int) string {
	s, ok := toStringValue(l.Get(n))
	if !ok {
		wrongType(l, n, "string")
	}
	return s
}

func optString(l *lua.LState, n int, otherwise string) string {
	if l.Get(n) == lua.LNil {
		return otherwise
	}
	return checkString(l, n)
}

func checkNumber(l *lua.LState, n int) float64 {
	f, ok := toNumber(l.Get(n))
	if !ok {
		wrongType(l, n, "number")
	}
	return f
}

// checkInteger is C's ptrdiff_t.
func checkInteger(l *lua.LState, n int) int { return int(truncate(checkNumber(l, n))) }

func optInteger(l *lua.LState, n, otherwise int) int {
	if l.Get(n) == lua.LNil {
		return otherwise
	}
	return checkInteger(l, n)
}

// checkInt is C's int.
func checkInt(l *lua.LState, n int) int { return int(int32(truncate(checkNumber(l, n)))) }

func optInt(l *lua.LState, n, otherwise int) int {
	if l.Get(n) == lua.LNil {
		return otherwise
	}
	return checkInt(l, n)
}

func checkTable(l *lua.LState, n int) *lua.LTable {
	t, ok := l.Get(n).(*lua.LTable)
	if !ok {
		wrongType(l, n, "table")
	}
	return t
}

func checkFunction(l *lua.LState, n int) *lua.LFunction {
	f, ok := l.Get(n).(*lua.LFunction)
	if !ok {
		wrongType(l, n, "function")
	}
	return f
}

// results pushes values and counts them.
func results(l *lua.LState, values ...lua.LValue) int {
	for _, v := range values {
		l.Push(v)
	}
	return len(values)
}
