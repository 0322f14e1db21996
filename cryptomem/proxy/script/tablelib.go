package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

var tableLibrary = map[string]lua.LGFunction{
	"concat": tableConcat, "foreach": tableForeach, "foreachi": tableForeachi, "getn": tableGetn,
	"insert": tableInsert, "maxn": tableMaxn, "remove": tableRemove, "setn": tableSetn, "sort": tableSort,
}

func get(t *lua.LTable, i int) lua.LValue { return t.RawGet(lua.LNumber(i)) }

func tableConcat(l *lua.LState) int {
	separator := optString(l, 2, "")
	t := checkTable(l, 1)
	i := optInt(l, 3, 1)
	last := t.Len()
	if l.Get(4) != lua.LNil {
		last = checkInt(l, 4)
	}
	r := runOf(l)
	var b strings.Builder
	for ; i <= last; i++ {
		s, ok := toStringValue(get(t, i))
		if !ok {
			raise(l, "invalid value (%s) at index %d in table for 'concat'", typeOf(get(t, i)), i)
		}
		r.spend(l, 1)
		r.charge(l, len(s)+len(separator))
		b.WriteString(s)
		if i < last {
			b.WriteString(separator)
		}
	}
	return results(l, lua.LString(b.String()))
}

func tableForeach(l *lua.LState) int {
	t := checkTable(l, 1)
	f := checkFunction(l, 2)
	r := runOf(l)
	for key, value, _ := next(r, l, t, lua.LNil); key != lua.LNil; key, value, _ = next(r, l, t, key) {
		if v := call1(l, f, key, value); v != lua.LNil {
			return results(l, v)
		}
	}
	return 0
}

func tableForeachi(l *lua.LState) int {
	t := checkTable(l, 1)
	n := t.Len()
	f := checkFunction(l, 2)
	for i := 1; i <= n; i++ {
		if v := call1(l, f, lua.LNumber(i), get(t, i)); v != lua.LNil {
			return results(l, v)
		}
	}
	return 0
}

func tableMaxn(l *lua.LState) int {
	t := checkTable(l, 1)
	most := lua.LNumber(0)
	runOf(l).spend(l, t.MaxN())
	t.ForEach(func(k, _ lua.LValue) {
		if n, ok := k.(lua.LNumber); ok && n > most {
			most = n
		}
	})
	return results(l, most)
}

func tableGetn(l *lua.LState) int { return results(l, lua.LNumber(checkTable(l, 1).Len())) }

func tableSetn(l *lua.LState) int {
	checkTable(l, 1)
	raise(l, "'setn' is obsolete")
	return 0
}

func tableInsert(l *lua.LState) int {
	t := checkTable(l, 1)
	r := runOf(l)
	end := t.Len() + 1
	switch l.GetTop() {
	case 2:
		r.set(l, t, lua.LNumber(end), l.Get(2))
		return 0
	case 3:
	default:
		raise(l, "wrong number of arguments to 'insert'")
	}
	at := checkInt(l, 2)
	end = max(end, at)
	r.spend(l, max(end-at, 0)/16)
	for i := end; i > at; i-- {
		r.set(l, t, lua.LNumber(i), get(t, i-1))
	}
	r.set(l, t, lua.LNumber(at), l.Get(3))
	return 0
}

func tableRemove(l *lua.LState) int {
	t := checkTable(l, 1)
	end := t.Len()
	at := optInt(l, 2, end)
	if at < 1 || at > end {
		return 0
	}
	r := runOf(l)
	removed := get(t, at)
	r.spend(l, (end-at)/16)
	for i := at; i < end; i++ {
		r.set(l, t, lua.LNumber(i), get(t, i+1))
	}
	r.set(l, t, lua.LNumber(end), lua.LNil)
	return results(l, removed)
}

// A sorter is Lua's quicksort: a comparison that makes no sense shows in the
// same order, or the same error.
type sorter struct {
	l *lua.LState
	r *run
	t *lua.LTable
	f lua.LValue
}

func tableSort(l *lua.LState) int {
	t := checkTable(l, 1)
	s := &sorter{l: l, r: runOf(l), t: t, f: lua.LNil}
	n := t.Len()
	if l.Get(2) != lua.LNil {
		s.f = checkFunction(l, 2)
	}
	s.sort(1, n)
	return 0
}

func (s *sorter) put(i int, v lua.LValue) { s.r.set(s.l, s.t, lua.LNumber(i), v) }

func (s *sorter) swap(i, j int) {
	a, b := get(s.t, i), get(s.t, j)
	s.put(i, b)
	s.put(j, a)
}

func (s *sorter) less(a, b lua.LValue) bool {
	s.r.spend(s.l, 1)
	if s.f != lua.LNil {
		return lua.LVAsBool(call1(s.l, s.f, a, b))
	}
	return lessThan(s.l, a, b)
}

func lessThan(l *lua.LState, a, b lua.LValue) bool {
	switch x := a.(type) {
	case lua.LNumber:
		if y, ok := b.(lua.LNumber); ok {
			return x < y
		}
	case lua.LString:
		if y, ok := b.(lua.LString); ok {
			return x < y
		}
	case *lua.LTable:
		if method := metamethod(a, "__lt"); method != lua.LNil && method == metamethod(b, "__lt") {
			return lua.LVAsBool(call1(l, method, a, b))
		}
	}
	// The machine of Lua raises it, at a function of ours: without a position.
	runOf(l).throw(l, lua.LString(compareText(typeOf(a), typeOf(b))))
	return false
}

func (s *sorter) sort(low, high int) {
	for low < high {
		if s.less(get(s.t, high), get(s.t, low)) {
			s.swap(low, high)
		}
		if high-low == 1 {
			return
		}
		middle := int(uint(low+high) / 2)
		if s.less(get(s.t, middle), get(s.t, low)) {
			s.swap(middle, low)
		} else if s.less(get(s.t, high), get(s.t, middle)) {
			s.swap(middle, high)
		}
		if high-low == 2 {
			return
		}
		pivot := get(s.t, middle)
		s.swap(middle, high-1)
		i := s.partition(low, high, pivot)
		// the smaller half first, the larger in this loop
		if i-low < high-i {
			s.sort(low, i-1)
			low = i + 1
		} else {
			s.sort(i+1, high)
			high = i - 1
		}
	}
}

func (s *sorter) partition(low, high int, pivot lua.LValue) int {
	i, j := low, high-1
	for {
		for i++; s.less(get(s.t, i), pivot); i++ {
			if i > high {
				raise(s.l, "invalid order function for sorting")
			}
		}
		for j--; s.less(pivot, get(s.t, j)); j-- {
			if j < low {
				raise(s.l, "invalid order function for sorting")
			}
		}
		if j < i {
			s.swap(high-1, i)
			return i
		}
		s.swap(i, j)
	}
}
