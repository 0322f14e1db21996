package script

import (
	lua "github.com/yuin/gopher-lua"
)

// next is the entry of t after key, nil for the first. It is not ok if there
// never was such a key.
func next(r *run, t *lua.LTable, key lua.LValue) (k, v lua.LValue, ok bool) {
	if key != lua.LNil && t.RawGet(key) == lua.LNil && !r.forgot(t, key) {
		return lua.LNil, lua.LNil, false
	}
	k, v = t.Next(key)
	return k, v, true
}

// forget notes that a key is about to be removed: a traversal may stand at it,
// and the machine cannot tell it from one that never was.
func (r *run) forget(l *lua.LState, t *lua.LTable, key lua.LValue) {
	if isArrayKey(key) || t.RawGet(key) == lua.LNil {
		return
	}
	r.charge(l, fieldSize)
	if r.forgotten == nil {
		r.forgotten = map[forgottenKey]struct{}{}
	}
	r.forgotten[forgottenKey{t, key}] = struct{}{}
}

type forgottenKey struct {
	t   *lua.LTable
	key lua.LValue
}

func (r *run) forgot(t *lua.LTable, key lua.LValue) bool {
	_, ok := r.forgotten[forgottenKey{t, key}]
	return ok || isArrayKey(key)
}

// isArrayKey tells of a key that arrays have room for.
func isArrayKey(key lua.LValue) bool {
	n, ok := key.(lua.LNumber)
	return ok && n >= 1 && n < maxArrayIndex && n == lua.LNumber(int(n))
}
