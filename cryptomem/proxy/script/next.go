package script

import (
	lua "github.com/yuin/gopher-lua"
)

// next is the entry of t after key, nil for the first. It is not ok if there
// never was such a key.
func next(r *run, l *lua.LState, t *lua.LTable, key lua.LValue) (k, v lua.LValue, ok bool) {
	if key == lua.LNil {
		return r.first(l, t)
	}
	if t.RawGet(key) == lua.LNil && !r.forgot(t, key) {
		return lua.LNil, lua.LNil, false
	}
	if order := r.traversals[t]; order != nil {
		if at := order.after(key); at >= 0 {
			k, v = order.from(t, at)
			return k, v, true
		}
	}
	k, v = t.Next(key)
	return k, v, true
}

// first begins a traversal.
func (r *run) first(l *lua.LState, t *lua.LTable) (k, v lua.LValue, ok bool) {
	order := r.traverse(l, t)
	if order == nil {
		delete(r.traversals, t)
		k, v = t.Next(lua.LNil)
		return k, v, true
	}
	if r.traversals == nil {
		r.traversals = map[*lua.LTable]*traversal{}
	}
	r.traversals[t] = order
	k, v = order.from(t, 0)
	return k, v, true
}

// from is the first entry, from a place on, that is still there.
func (o *traversal) from(t *lua.LTable, at int) (k, v lua.LValue) {
	for o.at = at; o.at < len(o.keys); o.at++ {
		if v := t.RawGet(o.keys[o.at]); v != lua.LNil {
			return o.keys[o.at], v
		}
	}
	return lua.LNil, lua.LNil
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
