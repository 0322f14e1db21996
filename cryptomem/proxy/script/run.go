package script

import (
	"context"
	"errors"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
)

// A Run is one execution of a script.
type Run struct {
	Keys, Args [][]byte

	// Call carries out one command as redis.call and redis.pcall do, under the
	// protocol that redis.setresp chose, and returns its reply. The engine has
	// turned numbers into "%.17g" already; args are the callee's to keep. A
	// reply of kind Error holds the code word first, without a script suffix.
	// The engine keeps nothing of a reply.
	Call func(args [][]byte, protocol resp.Version) resp.Reply

	// Log is redis.log, of level 0 (debug) to 3 (warning). It may be nil.
	Log func(level int, message string)
}

// A run is a Run under way. It is the context of the machine, which asks for
// its Done channel before every instruction: that is how steps are counted.
type run struct {
	*Run
	ctx    context.Context
	state  *state
	limits Limits
	sha    string
	// chunks by the machine's source name.
	chunks map[string]*chunk

	steps  int
	memory int64
	// depth of calls from our functions back into Lua.
	depth int
	// Why the script must end; nothing can catch it.
	dead error
	// An error on its way is in Lua's words already.
	thrown bool

	// Keys removed from tables.
	forgotten map[forgottenKey]struct{}
	// shapes of tables that a constructor gave several keys.
	shapes     map[*lua.LTable]shape
	traversals map[*lua.LTable]*traversal

	errSource string
	errLine   int

	protocol resp.Version
	shared   *sharedRandom
	// The script's own, once it has seeded it.
	random *lrand48
	json   jsonConfig
	// Coroutines, and what has not begun in them.
	threads map[*lua.LState]*lua.LFunction
	// Those that run, or wait for one that does.
	resuming map[*lua.LState]bool
	// The state may not serve another run.
	tainted bool
}

// Errors that end a script whatever it does to catch them.
var (
	ErrTooManySteps = errors.New("script took too many steps")
	ErrOutOfMemory  = errors.New("script used too much memory")
)

const checkEvery = 1024 // steps between looks at the caller's context

func runOf(l *lua.LState) *run { return l.Context().(*run) }

var ended = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Done counts a step. It is closed when the script must end.
func (r *run) Done() <-chan struct{} {
	r.steps--
	if r.steps%checkEvery != 0 && r.dead == nil && r.steps >= 0 {
		return nil
	}
	return r.check()
}

func (r *run) check() <-chan struct{} {
	if r.dead == nil {
		switch err := r.ctx.Err(); {
		case r.steps < 0:
			r.dead = fmt.Errorf("%w, limit %d", ErrTooManySteps, r.limits.Steps)
		case err != nil:
			r.dead = err
		default:
			return nil
		}
	}
	return ended
}

func (r *run) Err() error                  { return r.dead }
func (r *run) Deadline() (time.Time, bool) { return time.Time{}, false }
func (r *run) Value(any) any               { return nil }

// charge counts bytes that the script keeps, or may keep.
func (r *run) charge(l *lua.LState, bytes int) {
	r.memory -= int64(bytes)
	if r.memory >= 0 && r.dead == nil {
		return
	}
	if r.dead == nil {
		r.dead = fmt.Errorf("%w, limit %d bytes", ErrOutOfMemory, r.limits.Memory)
	}
	r.throw(l, lua.LString("ERR "+r.dead.Error()))
}

// spend counts steps that a function of ours takes in place of the machine.
func (r *run) spend(l *lua.LState, steps int) {
	before := r.steps
	r.steps -= steps
	if r.steps >= 0 && before/checkEvery == r.steps/checkEvery && r.dead == nil {
		return
	}
	if r.check() != nil {
		r.throw(l, lua.LString("ERR "+r.dead.Error()))
	}
}

const maxNesting = 200 // calls from our functions back into Lua, as Lua's LUAI_MAXCCALLS

// call calls back into Lua. What it calls cannot yield.
func (r *run) call(l *lua.LState, nargs, nret int) {
	if r.depth >= maxNesting {
		raise(l, "C stack overflow")
	}
	r.depth++
	l.Call(nargs, nret)
	r.depth--
}

// guarded makes errors of what it calls go through onPanic: the machine's own
// protected call replaces the handler.
var guarded = function(func(l *lua.LState) int {
	l.Panic = onPanic
	defer explainPanic(l)
	l.Call(l.GetTop()-1, lua.MultRet)
	return l.GetTop()
})

// explainPanic turns a panic of the machine into an error of the script while
// the stack still tells where: a stack too deep, which a script may catch, or a
// defect of the machine, which ends it.
func explainPanic(l *lua.LState) {
	p := recover()
	if p == nil {
		return
	}
	var err *lua.ApiError
	if e, ok := p.(*lua.ApiError); ok {
		err = e
	} else {
		err = &lua.ApiError{Type: lua.ApiErrorRun, Object: runOf(l).crashed(l, p), StackTrace: "-"}
	}
	panic(err)
}

func (r *run) crashed(l *lua.LState, p any) lua.LValue {
	r.thrown = false
	r.locate(l)
	if p == "lua callstack overflow" {
		text := "stack overflow"
		if r.inMetamethods(l) {
			text = "C stack overflow"
		}
		return lua.LString(r.where(l, 0) + text)
	}
	r.tainted = true
	if r.dead == nil {
		r.dead = errDefect
	}
	return lua.LString("ERR " + r.dead.Error())
}

var errDefect = errors.New("script met a defect of the machine")

// inMetamethods tells whether the stack is full of calls that only the machine
// made: Lua counts those apart, and has less room for them.
func (r *run) inMetamethods(l *lua.LState) bool {
	n := 0
	for level := 1; level < 2*maxNesting; level++ {
		if _, s := r.caller(l, level); s.line > 0 && !s.call {
			n++
		}
	}
	return n > maxNesting/2
}

// protect calls the function that lies below nargs arguments on the stack and
// leaves its results there. An error is the Lua value of it.
func (r *run) protect(l *lua.LState, nargs int) (lua.LValue, bool) {
	if r.depth >= maxNesting {
		return lua.LString("C stack overflow"), false
	}
	r.depth++
	depth := r.depth
	l.Insert(guarded, l.GetTop()-nargs)
	err := l.PCall(nargs+1, lua.MultRet, nil)
	r.depth = depth - 1
	if err == nil {
		return nil, true
	}
	var api *lua.ApiError
	if !errors.As(err, &api) {
		return lua.LString(err.Error()), false
	}
	// before guarded had its turn
	if api.Type == lua.ApiErrorPanic {
		return r.crashed(l, api.Object.String()), false
	}
	return api.Object, false
}
