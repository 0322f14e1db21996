package script

import (
	lua "github.com/yuin/gopher-lua"
)

// A state is a machine with Redis' globals. Scripts cannot change them, so one
// state serves many scripts, one after the other, and none sees another's.
type state struct {
	l       *lua.LState
	globals *lua.LTable
	// The metatable of globals.
	failing *lua.LTable
}

const (
	maxCalls     = 16 << 10  // frames, as Lua's, which doubles up to it
	maxRegisters = 512 << 10 // all frames together
)

// libraries are the tables that every state has among its globals. They are
// read-only, so all states share them.
var (
	libraries  map[string]*lua.LTable
	stringMeta = &lua.LTable{Metatable: lua.LNil}
	readOnly   map[*lua.LTable]bool
	builtins   map[string]lua.LValue
)

func init() {
	libraries = map[string]*lua.LTable{
		"string":    library(stringLibrary),
		"table":     library(tableLibrary),
		"math":      mathTable(),
		"bit":       library(bitLibrary),
		"struct":    library(structLibrary),
		"cmsgpack":  cmsgpackTable(),
		"coroutine": library(coroutineLibrary),
		"redis":     redisTable(),
		"cjson":     newCJSON(func(l *lua.LState) *jsonConfig { return &runOf(l).json }),
	}
	stringMeta.RawSetString("__index", libraries["string"])
	readOnly = map[*lua.LTable]bool{stringMeta: true}
	for _, t := range libraries {
		readOnly[t] = true
	}
	builtins = make(map[string]lua.LValue)
	for n, f := range baseLibrary {
		builtins[n] = function(f)
	}
	builtins["_VERSION"] = lua.LString("Lua 5.1")
	builtins["__redis__err__handler"] = function(errorHandler)
}

func library(functions map[string]lua.LGFunction) *lua.LTable {
	t := &lua.LTable{Metatable: lua.LNil}
	for n, f := range functions {
		t.RawSetString(n, function(f))
	}
	return t
}

func newState() *state {
	l := lua.NewState(lua.Options{
		CallStackSize: maxCalls, RegistrySize: 1 << 10, RegistryMaxSize: maxRegisters, RegistryGrowStep: 4 << 10,
		SkipOpenLibs: true, MinimizeStackMemory: true,
	})
	l.Panic = onPanic
	s := &state{l: l, globals: l.Get(lua.GlobalsIndex).(*lua.LTable), failing: l.NewTable()}
	for n, v := range builtins {
		s.globals.RawSetString(n, v)
	}
	for n, t := range libraries {
		s.globals.RawSetString(n, t)
	}
	s.globals.RawSetString("_G", s.globals)
	s.failing.RawSetString("__index", function(noGlobal))
	s.globals.Metatable = s.failing
	for _, v := range []lua.LValue{lua.LNil, lua.LTrue, lua.LNumber(0), lua.LString(""), l.NewFunction(nil), l} {
		l.SetMetatable(v, machineMeta[v.Type()])
	}
	return s
}

func (r *run) readOnly(t *lua.LTable) bool {
	return readOnly[t] || t == r.state.globals || t == r.state.failing
}

// noGlobal is what reading a global that is not there calls.
func noGlobal(l *lua.LState) int {
	if l.GetTop() != 2 {
		raise(l, "Wrong number of arguments to luaProtectedTableError")
	}
	n, ok := toStringValue(l.Get(2))
	if !ok {
		raise(l, "Second argument to luaProtectedTableError must be a string or number")
	}
	raise(l, "Script attempted to access nonexistent global variable '%s'", n)
	return 0
}

// machineMeta makes the machine ask us where it would fail with words of its
// own: it has a metatable for each type that scripts see without one.
var machineMeta = map[lua.LValueType]*lua.LTable{}

func init() {
	types := []lua.LValueType{
		lua.LTNil, lua.LTBool, lua.LTNumber, lua.LTString, lua.LTFunction, lua.LTThread, lua.LTUserData,
	}
	for _, t := range types {
		meta := &lua.LTable{Metatable: lua.LNil}
		for event, f := range arithmeticEvents {
			meta.RawSetString(event, function(func(l *lua.LState) int { return arithmetic(l, event, f) }))
		}
		meta.RawSetString("__unm", function(negate))
		if t != lua.LTFunction {
			meta.RawSetString("__call", function(notCallable))
		}
		if t == lua.LTString {
			meta.RawSetString("__index", libraries["string"])
		} else {
			meta.RawSetString("__index", function(notIndexable))
		}
		machineMeta[t] = meta
	}
	null.Metatable = machineMeta[lua.LTUserData]
}

var arithmeticEvents = map[string]func(a, b float64) float64{
	"__add": func(a, b float64) float64 { return a + b },
	"__sub": func(a, b float64) float64 { return a - b },
	"__mul": func(a, b float64) float64 { return a * b },
	"__div": func(a, b float64) float64 { return a / b },
}

func negate(l *lua.LState) int {
	n, ok := toNumber(l.Get(1))
	if !ok {
		typeError(l, "perform arithmetic on", l.Get(1), 0)
	}
	l.Push(lua.LNumber(-n))
	return 1
}

func notCallable(l *lua.LState) int {
	typeError(l, "call", l.Get(1), 0)
	return 0
}

func notIndexable(l *lua.LState) int {
	object := 0
	if _, s := runOf(l).caller(l, 1); s.method {
		object = 1
	}
	typeError(l, "index", l.Get(1), object)
	return 0
}
