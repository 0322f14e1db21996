package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

var stringLibrary = map[string]lua.LGFunction{
	"byte": stringByte, "char": stringChar, "dump": stringDump, "find": stringFind, "format": stringFormat,
	"gfind": stringGmatch, "gmatch": stringGmatch, "gsub": stringGsub, "len": stringLen, "lower": stringLower,
	"match": stringMatch, "rep": stringRep, "reverse": stringReverse, "sub": stringSub, "upper": stringUpper,
}

// position turns an index that may count from the end into one from 1 on.
func position(i, length int) int {
	if i < 0 {
		i += length + 1
	}
	return max(i, 0)
}

// pushString pushes a new string that the script is charged for.
func pushString(l *lua.LState, s string) int {
	runOf(l).charge(l, len(s))
	l.Push(lua.LString(s))
	return 1
}

func stringByte(l *lua.LState) int {
	s := checkString(l, 1)
	i := position(optInteger(l, 2, 1), len(s))
	e := min(position(optInteger(l, 3, i), len(s)), len(s))
	i = max(i, 1)
	if i > e {
		return 0
	}
	if e-i >= maxUnpack {
		raise(l, "stack overflow (string slice too long)")
	}
	for k := i; k <= e; k++ {
		l.Push(lua.LNumber(s[k-1]))
	}
	return e - i + 1
}

func stringChar(l *lua.LState) int {
	b := make([]byte, l.GetTop())
	for i := range b {
		c := checkInt(l, i+1)
		if c < 0 || c > 255 {
			argError(l, i+1, "invalid value")
		}
		b[i] = byte(c)
	}
	return pushString(l, string(b))
}

func stringDump(l *lua.LState) int {
	checkFunction(l, 1)
	raise(l, "unable to dump given function")
	return 0
}

func stringLen(l *lua.LState) int { return results(l, lua.LNumber(len(checkString(l, 1)))) }

func mapBytes(l *lua.LState, f func(byte) byte) int {
	b := []byte(checkString(l, 1))
	runOf(l).spend(l, len(b)/64)
	for i, c := range b {
		b[i] = f(c)
	}
	return pushString(l, string(b))
}

func stringLower(l *lua.LState) int {
	return mapBytes(l, func(c byte) byte {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		return c
	})
}

func stringUpper(l *lua.LState) int {
	return mapBytes(l, func(c byte) byte {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		return c
	})
}

func stringReverse(l *lua.LState) int {
	s := checkString(l, 1)
	i := len(s)
	return mapBytes(l, func(byte) byte {
		i--
		return s[i]
	})
}

func stringRep(l *lua.LState) int {
	s := checkString(l, 1)
	n := max(checkInt(l, 2), 0)
	r := runOf(l)
	if n > 0 && len(s) > 0 {
		if int64(len(s)) > (r.limits.Memory+1)/int64(n) {
			r.charge(l, int(r.limits.Memory)+1)
		}
		r.charge(l, len(s)*n)
		r.spend(l, len(s)*n/64)
	}
	l.Push(lua.LString(strings.Repeat(s, n)))
	return 1
}

func stringSub(l *lua.LState) int {
	s := checkString(l, 1)
	i := max(position(checkInteger(l, 2), len(s)), 1)
	e := min(position(optInteger(l, 3, -1), len(s)), len(s))
	if i > e {
		return results(l, lua.LString(""))
	}
	runOf(l).charge(l, slotSize)
	return results(l, lua.LString(s[i-1:e]))
}

const specials = "^$*+?.([%-"

func stringFind(l *lua.LState) int { return find(l, true) }

func stringMatch(l *lua.LState) int { return find(l, false) }

func find(l *lua.LState, wantPlace bool) int {
	s, p := checkString(l, 1), checkString(l, 2)
	i := position(optInteger(l, 3, 1), len(s)) - 1
	i = min(max(i, 0), len(s))
	if wantPlace && (lua.LVAsBool(l.Get(4)) || !strings.ContainsAny(p, specials)) {
		runOf(l).spend(l, len(s)/64)
		if at := strings.Index(s[i:], p); at >= 0 {
			return results(l, lua.LNumber(i+at+1), lua.LNumber(i+at+len(p)))
		}
		return results(l, lua.LNil)
	}
	m := newMatcher(l, s, p)
	start := 0
	anchored := strings.HasPrefix(p, "^")
	if anchored {
		start = 1
	}
	for ; i <= len(s); i++ {
		m.captures = m.captures[:0]
		if e := m.match(i, start); e >= 0 {
			if wantPlace {
				return results(l, lua.LNumber(i+1), lua.LNumber(e)) + m.push(0, 0, false)
			}
			return m.push(i, e, true)
		}
		if anchored {
			break
		}
	}
	return results(l, lua.LNil)
}

func stringGmatch(l *lua.LState) int {
	s, p := checkString(l, 1), checkString(l, 2)
	i := 0
	return results(l, function(func(l *lua.LState) int {
		m := newMatcher(l, s, p)
		for ; i <= len(s); i++ {
			m.captures = m.captures[:0]
			if e := m.match(i, 0); e >= 0 {
				start := i
				i = e
				if e == start {
					i++
				}
				return m.push(start, e, true)
			}
		}
		return 0
	}))
}

func stringGsub(l *lua.LState) int {
	s, p := checkString(l, 1), checkString(l, 2)
	replacement := l.Get(3)
	anchored := strings.HasPrefix(p, "^")
	start := 0
	if anchored {
		start = 1
	}
	most := optInt(l, 4, len(s)+1)
	switch replacement.Type() {
	case lua.LTNumber, lua.LTString, lua.LTFunction, lua.LTTable:
	default:
		argError(l, 3, "string/function/table expected")
	}
	m := newMatcher(l, s, p)
	var b []byte
	i, n := 0, 0
	for n < most {
		m.captures = m.captures[:0]
		e := m.match(i, start)
		if e >= 0 {
			n++
			before := len(b)
			b = m.replace(b, replacement, i, e)
			runOf(l).charge(l, len(b)-before)
		}
		switch {
		case e > i:
			i = e
		case i < len(s):
			b = append(b, s[i])
			i++
		default:
			i++
		}
		if i > len(s) || anchored {
			break
		}
	}
	if i < len(s) {
		b = append(b, s[i:]...)
	}
	pushString(l, string(b))
	l.Push(lua.LNumber(n))
	return 2
}

func (m *matcher) replace(b []byte, replacement lua.LValue, start, end int) []byte {
	l := m.l
	var v lua.LValue
	switch f := replacement.(type) {
	case *lua.LFunction:
		top := l.GetTop()
		l.Push(f)
		runOf(l).call(l, m.push(start, end, true), 1)
		v = l.Get(-1)
		l.SetTop(top)
	case *lua.LTable:
		v = index(l, f, m.value(0, start, end))
	default:
		text, _ := toStringValue(replacement)
		return m.expand(b, text, start, end)
	}
	if !lua.LVAsBool(v) {
		return append(b, m.src[start:end]...)
	}
	if _, ok := toStringValue(v); !ok {
		raise(l, "invalid replacement value (a %s)", typeOf(v))
	}
	return appendString(b, v)
}

func (m *matcher) expand(b []byte, text string, start, end int) []byte {
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b = append(b, text[i])
			continue
		}
		i++
		switch c := byteOf(text, i); {
		case !isDigit(int(c)):
			b = append(b, c)
		case c == '0':
			b = append(b, m.src[start:end]...)
		default:
			b = appendString(b, m.value(int(c-'1'), start, end))
		}
	}
	return b
}

func byteOf(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}

// index is t[key] with metamethods.
func index(l *lua.LState, t lua.LValue, key lua.LValue) lua.LValue { return l.GetTable(t, key) }
