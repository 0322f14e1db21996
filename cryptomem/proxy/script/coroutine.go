package script

import (
	"errors"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

var coroutineLibrary = map[string]lua.LGFunction{
	"create": coroutineCreate, "resume": coroutineResume, "running": coroutineRunning,
	"status": coroutineStatus, "wrap": coroutineWrap, "yield": coroutineYield,
}

// starter begins a coroutine: it sets the error handler, which the machine
// replaces, and then calls the function in the place of its own frame.
var starter *lua.FunctionProto

func opGuard(l *lua.LState) int {
	l.Panic = onPanic
	return 0
}

func init() {
	const marker = "starter "
	stmts, _, err := parse("return function(f, ...) return f(...) end", "=starter", marker)
	if err != nil {
		panic(err)
	}
	wrapped := stmts[0].(*ast.ReturnStmt).Exprs[0].(*ast.FuncCallExpr)
	body := wrapped.Args[0].(*ast.FunctionExpr)
	guard := &ast.FuncCallExpr{Func: &ast.StringExpr{Value: marker + "guard"}}
	body.Stmts = append([]ast.Stmt{&ast.FuncCallStmt{Expr: guard}}, body.Stmts...)
	proto, err := lua.Compile(stmts, "starter")
	if err != nil {
		panic(err)
	}
	bind(proto, marker)
	starter = proto.FunctionPrototypes[0]
}

func newThread(l *lua.LState, f *lua.LFunction) *lua.LState {
	r := runOf(l)
	r.charge(l, threadSize)
	r.tainted = true
	th, cancel := l.NewThread()
	cancel()
	th.SetContext(r)
	if r.threads == nil {
		r.threads, r.resuming = map[*lua.LState]*lua.LFunction{}, map[*lua.LState]bool{}
	}
	r.threads[th] = f
	return th
}

func coroutineCreate(l *lua.LState) int {
	f, ok := l.Get(1).(*lua.LFunction)
	if !ok || f.IsG {
		argError(l, 1, "Lua function expected")
	}
	return results(l, newThread(l, f))
}

func checkThread(l *lua.LState, n int) *lua.LState {
	th, ok := l.Get(n).(*lua.LState)
	if !ok {
		argError(l, n, "coroutine expected")
	}
	return th
}

// resume runs th until it yields, returns or fails.
func resume(l, th *lua.LState, args []lua.LValue) ([]lua.LValue, lua.LValue) {
	r := runOf(l)
	if status := coroutineState(l, th); status != "suspended" {
		return nil, lua.LString("cannot resume " + status + " coroutine")
	}
	if r.depth >= maxNesting {
		return nil, lua.LString("C stack overflow")
	}
	var f *lua.LFunction
	if body := r.threads[th]; body != nil {
		f = l.NewFunctionFromProto(starter)
		args = append([]lua.LValue{body}, args...)
		r.threads[th] = nil
	}
	r.depth++
	depth := r.depth
	r.resuming[th] = true
	state, err, values := l.Resume(th, f, args...)
	delete(r.resuming, th)
	r.depth = depth - 1
	if r.dead != nil {
		r.throw(l, lua.LString("ERR "+r.dead.Error()))
	}
	if state == lua.ResumeError {
		var api *lua.ApiError
		if errors.As(err, &api) {
			return nil, api.Object
		}
		return nil, lua.LString(err.Error())
	}
	if len(values) == 1 && values[0] == lua.LNil {
		// the machine has one nil for none
		values = nil
	}
	return values, nil
}

func coroutineResume(l *lua.LState) int {
	th := checkThread(l, 1)
	values, err := resume(l, th, arguments(l, 2))
	if err != nil {
		return results(l, lua.LFalse, err)
	}
	l.Push(lua.LTrue)
	return 1 + results(l, values...)
}

func arguments(l *lua.LState, from int) []lua.LValue {
	var args []lua.LValue
	for i := from; i <= l.GetTop(); i++ {
		args = append(args, l.Get(i))
	}
	return args
}

func coroutineWrap(l *lua.LState) int {
	coroutineCreate(l)
	th := l.Get(-1).(*lua.LState)
	return results(l, function(func(l *lua.LState) int {
		values, err := resume(l, th, arguments(l, 1))
		if err != nil {
			r := runOf(l)
			if text, ok := toStringValue(err); ok {
				err = lua.LString(r.where(l, 1) + text)
			}
			r.throw(l, err)
		}
		return results(l, values...)
	}))
}

func coroutineRunning(l *lua.LState) int {
	if _, ok := runOf(l).threads[l]; ok {
		return results(l, l)
	}
	return results(l, lua.LNil)
}

func coroutineStatus(l *lua.LState) int {
	return results(l, lua.LString(coroutineState(l, checkThread(l, 1))))
}

func coroutineState(l, th *lua.LState) string {
	switch {
	case th == l:
		return "running"
	case runOf(l).resuming[th]:
		return "normal"
	}
	return l.Status(th)
}

const errYield = lua.LString("attempt to yield across metamethod/C-call boundary")

func coroutineYield(l *lua.LState) int {
	r := runOf(l)
	if _, ok := r.threads[l]; !ok {
		r.throw(l, errYield)
	}
	// Nothing but calls of Lua functions may lie between here and the resume.
	for level := 1; ; level++ {
		if _, ok := l.GetStack(level); !ok {
			return -1
		}
		if c, s := r.caller(l, level); c == nil || !s.call {
			r.throw(l, errYield)
		}
	}
}
