package script

import (
	"fmt"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

var baseLibrary = map[string]lua.LGFunction{
	"assert": baseAssert, "collectgarbage": baseCollectGarbage, "error": baseError, "gcinfo": baseGCInfo,
	"getmetatable": baseGetMetatable, "ipairs": baseIpairs, "load": baseLoad, "loadstring": baseLoadString,
	"next": baseNext, "pairs": basePairs, "pcall": basePCall, "rawequal": baseRawEqual, "rawget": baseRawGet,
	"rawset": baseRawSet, "select": baseSelect, "setmetatable": baseSetMetatable, "tonumber": baseToNumber,
	"tostring": baseToString, "type": baseType, "unpack": baseUnpack, "xpcall": baseXPCall,
}

func baseAssert(l *lua.LState) int {
	if lua.LVAsBool(checkAny(l, 1)) {
		return l.GetTop()
	}
	raise(l, "%s", optString(l, 2, "assertion failed!"))
	return 0
}

// usage is what scripts are told that they use: it means nothing here.
const usage = 40

func baseCollectGarbage(l *lua.LState) int {
	options := []string{"stop", "restart", "collect", "count", "step", "setpause", "setstepmul"}
	n := 0
	switch checkOption(l, 1, "collect", options) {
	case 3:
		n = usage
	case 4:
		l.Push(lua.LTrue)
		return 1
	case 5, 6:
		n = 200
	}
	l.Push(lua.LNumber(n))
	return 1
}

func checkOption(l *lua.LState, n int, otherwise string, options []string) int {
	s := otherwise
	if otherwise == "" || l.Get(n) != lua.LNil {
		s = checkString(l, n)
	}
	for i, option := range options {
		if s == option {
			return i
		}
	}
	argError(l, n, "invalid option '"+s+"'")
	return 0
}

func baseGCInfo(l *lua.LState) int { return results(l, lua.LNumber(usage)) }

func baseError(l *lua.LState) int {
	r := runOf(l)
	level := optInt(l, 2, 1)
	value := l.Get(1)
	if s, ok := toStringValue(value); ok && level > 0 {
		value = lua.LString(r.where(l, level) + s)
	}
	r.throw(l, value)
	return 0
}

func baseGetMetatable(l *lua.LState) int {
	meta := lua.LNil
	switch v := checkAny(l, 1).(type) {
	case *lua.LTable:
		meta = v.Metatable
	case lua.LString:
		meta = stringMeta
	}
	if t, ok := meta.(*lua.LTable); ok {
		if protected := t.RawGetString("__metatable"); protected != lua.LNil {
			meta = protected
		}
	}
	l.Push(meta)
	return 1
}

func baseSetMetatable(l *lua.LState) int {
	t := checkTable(l, 1)
	meta := l.Get(2)
	if meta.Type() != lua.LTTable && (meta != lua.LNil || l.GetTop() < 2) {
		argError(l, 2, "nil or table expected")
	}
	if old, ok := t.Metatable.(*lua.LTable); ok && old.RawGetString("__metatable") != lua.LNil {
		raise(l, "cannot change a protected metatable")
	}
	if runOf(l).readOnly(t) {
		runOf(l).throw(l, lua.LString(errReadOnly))
	}
	t.Metatable = meta
	l.SetTop(1)
	return 1
}

var ipairsNext = function(func(l *lua.LState) int {
	t, i := checkTable(l, 1), checkInt(l, 2)+1
	v := t.RawGet(lua.LNumber(i))
	if v == lua.LNil {
		return 0
	}
	return results(l, lua.LNumber(i), v)
})

func baseIpairs(l *lua.LState) int { return results(l, ipairsNext, checkTable(l, 1), lua.LNumber(0)) }

var pairsNext = function(baseNext)

func basePairs(l *lua.LState) int { return results(l, pairsNext, checkTable(l, 1), lua.LNil) }

func baseNext(l *lua.LState) int {
	t := checkTable(l, 1)
	key, value, ok := next(runOf(l), l, t, l.Get(2))
	if !ok {
		runOf(l).throw(l, lua.LString("invalid key to 'next'"))
	}
	if key == lua.LNil {
		l.Push(lua.LNil)
		return 1
	}
	return results(l, key, value)
}

func basePCall(l *lua.LState) int {
	checkAny(l, 1)
	r := runOf(l)
	value, ok := r.protect(l, l.GetTop()-1)
	if ok {
		l.Insert(lua.LTrue, 1)
		return l.GetTop()
	}
	// as before Redis 7, whose errors are tables
	if t, isTable := value.(*lua.LTable); isTable {
		if text, isText := toStringValue(t.RawGetString("err")); isText {
			value = lua.LString(text)
		}
	}
	return results(l, lua.LFalse, value)
}

func baseXPCall(l *lua.LState) int {
	checkAny(l, 2)
	handler := l.Get(2)
	l.SetTop(1)
	value, ok := runOf(l).protect(l, 0)
	if ok {
		l.Insert(lua.LTrue, 1)
		return l.GetTop()
	}
	l.SetTop(0)
	l.Push(handler)
	l.Push(value)
	if changed, ok := runOf(l).protect(l, 1); ok {
		value = lua.LNil
		if l.GetTop() > 0 {
			value = l.Get(1)
		}
	} else {
		value = changed
	}
	return results(l, lua.LFalse, value)
}

func baseRawEqual(l *lua.LState) int {
	return results(l, lua.LBool(l.RawEqual(checkAny(l, 1), checkAny(l, 2))))
}

func baseRawGet(l *lua.LState) int {
	t := checkTable(l, 1)
	return results(l, t.RawGet(checkAny(l, 2)))
}

func baseRawSet(l *lua.LState) int {
	t := checkTable(l, 1)
	key := checkAny(l, 2)
	value := checkAny(l, 3)
	runOf(l).set(l, t, key, value)
	l.SetTop(1)
	return 1
}

func baseSelect(l *lua.LState) int {
	n := l.GetTop()
	if s, ok := l.Get(1).(lua.LString); ok && strings.HasPrefix(string(s), "#") {
		return results(l, lua.LNumber(n-1))
	}
	i := checkInt(l, 1)
	if i < 0 {
		i = n + i
	} else if i > n {
		i = n
	}
	if i < 1 {
		argError(l, 1, "index out of range")
	}
	return n - i
}

func baseToNumber(l *lua.LState) int {
	base := optInt(l, 2, 10)
	if base == 10 {
		if n, ok := toNumber(checkAny(l, 1)); ok {
			return results(l, lua.LNumber(n))
		}
		return results(l, lua.LNil)
	}
	s := checkString(l, 1)
	if base < 2 || base > 36 {
		argError(l, 2, "base out of range")
	}
	if n, ok := parseBase(s, uint64(base)); ok {
		return results(l, lua.LNumber(n))
	}
	return results(l, lua.LNil)
}

// parseBase reads an unsigned integer as C's strtoul does: a minus wraps.
func parseBase(s string, base uint64) (float64, bool) {
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	if base == 16 && len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' && isHexDigit(int(s[2])) {
		s = s[2:]
	}
	var n uint64
	digits, overflow := 0, false
	for ; digits < len(s); digits++ {
		d := uint64(99)
		switch c := int(s[digits]); {
		case isDigit(c):
			d = uint64(c - '0')
		case isLetter(c):
			d = uint64(c|0x20-'a') + 10
		}
		if d >= base {
			break
		}
		if n > (math.MaxUint64-d)/base {
			overflow = true
		}
		n = n*base + d
	}
	switch {
	case digits == 0 || strings.TrimLeft(s[digits:], " \t\n\v\f\r") != "":
		return 0, false
	case overflow:
		n = math.MaxUint64
	case negative:
		n = -n
	}
	return float64(n), true
}

func baseToString(l *lua.LState) int {
	return results(l, toText(l, checkAny(l, 1)))
}

func toText(l *lua.LState, v lua.LValue) lua.LValue {
	if method := metamethod(v, "__tostring"); method != lua.LNil {
		return call1(l, method, v)
	}
	switch v := v.(type) {
	case lua.LNumber:
		return lua.LString(formatNumber(float64(v)))
	case lua.LString:
		return v
	case *lua.LUserData:
		if v == null {
			return lua.LString("userdata: (nil)")
		}
	case *lua.LFunction:
		if v.IsG {
			return lua.LString(fmt.Sprintf("function: builtin: %p", v))
		}
	}
	return lua.LString(v.String())
}

func baseType(l *lua.LState) int { return results(l, lua.LString(typeOf(checkAny(l, 1)))) }

const maxUnpack = 7_999 // values, as what Lua's stack has room for

func baseUnpack(l *lua.LState) int {
	t := checkTable(l, 1)
	i := optInt(l, 2, 1)
	e := t.Len()
	if l.Get(3) != lua.LNil {
		e = checkInt(l, 3)
	}
	if i > e {
		return 0
	}
	if e-i >= maxUnpack {
		raise(l, "too many results to unpack")
	}
	runOf(l).spend(l, e-i+1)
	for k := i; k <= e; k++ {
		l.Push(t.RawGet(lua.LNumber(k)))
	}
	return e - i + 1
}

func baseLoadString(l *lua.LState) int {
	source := checkString(l, 1)
	return load(l, source, optString(l, 2, source))
}

func baseLoad(l *lua.LState) int {
	reader := checkFunction(l, 1)
	name := optString(l, 2, "=(load)")
	var source strings.Builder
	for {
		piece := call1(l, reader)
		s, ok := toStringValue(piece)
		if piece == lua.LNil || ok && s == "" {
			break
		}
		if !ok {
			return results(l, lua.LNil, lua.LString("reader function must return a string"))
		}
		runOf(l).charge(l, len(s))
		source.WriteString(s)
	}
	return load(l, source.String(), name)
}

func load(l *lua.LState, source, name string) int {
	r := runOf(l)
	if len(source) > r.limits.Source {
		return results(l, lua.LNil, lua.LString(fmt.Sprintf("chunk is %d bytes, limit %d", len(source), r.limits.Source)))
	}
	r.charge(l, compiledSize*(len(source)+1))
	r.spend(l, compiledSize*len(source))
	proto, c, err := compile(source, name)
	if err != nil {
		return results(l, lua.LNil, lua.LString(err.Error()))
	}
	r.chunks[proto.SourceName] = c
	return results(l, l.NewFunctionFromProto(proto))
}

// errorHandler is a global of Redis' own that scripts can see.
func errorHandler(l *lua.LState) int {
	err := l.Get(1)
	t, ok := err.(*lua.LTable)
	if !ok {
		text, _ := toText(l, err).(lua.LString)
		t = l.NewTable()
		t.RawSetString("err", "ERR "+text)
	}
	return results(l, t)
}
