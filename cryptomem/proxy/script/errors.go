package script

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// throw ends the running function with an error of any type.
func (r *run) throw(l *lua.LState, value lua.LValue) {
	r.thrown = true
	l.Error(value, 0)
}

// raise ends the running function with a message that begins with where it
// was called.
func raise(l *lua.LState, format string, args ...any) {
	r := runOf(l)
	r.throw(l, lua.LString(r.where(l, 1)+fmt.Sprintf(format, args...)))
}

// caller tells where the function at a level of the stack is: 0 is the running
// one, 1 the one that called it. The chunk is nil for a function of ours.
func (r *run) caller(l *lua.LState, level int) (*chunk, site) {
	debug, ok := l.GetStack(level)
	if !ok {
		return nil, site{}
	}
	value, err := l.GetInfo("fl", debug, lua.LNil)
	f, ok := value.(*lua.LFunction)
	if err != nil || !ok || f.IsG {
		return nil, site{}
	}
	c := r.chunks[f.Proto.SourceName]
	return c, c.site(debug.CurrentLine)
}

// where is "user_script:1: ", or nothing for a function of ours.
func (r *run) where(l *lua.LState, level int) string {
	c, s := r.caller(l, level)
	if c == nil || s.line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", shortSource(c.source, 60), s.line)
}

// onPanic is what the machine calls to unwind. Its own errors are put into
// Lua's words on the way.
func onPanic(l *lua.LState) {
	r := runOf(l)
	value := l.Get(-1)
	if !r.thrown {
		value = r.explain(l, value.String())
	}
	r.thrown = false
	r.locate(l)
	// A stack trace that is not empty keeps the machine from writing one.
	panic(&lua.ApiError{Type: lua.ApiErrorRun, Object: value, StackTrace: "-"})
}

// locate keeps where an error arose, for the suffix of the reply.
func (r *run) locate(l *lua.LState) {
	level := 0
	if debug, ok := l.GetStack(0); ok {
		if f, _ := l.GetInfo("f", debug, lua.LNil); f.(*lua.LFunction).IsG {
			level = 1
		}
	}
	r.errSource, r.errLine = "=[C]", -1
	if c, s := r.caller(l, level); c != nil {
		r.errSource, r.errLine = c.source, s.line
	}
}

// explain puts an error of the machine into the words of Lua 5.1.
func (r *run) explain(l *lua.LState, message string) lua.LValue {
	if r.dead != nil {
		return lua.LString("ERR " + r.dead.Error())
	}
	_, s := r.caller(l, 0)
	text := machineError(machineText(message), s)
	return lua.LString(r.where(l, 0) + text)
}

// machineText cuts the machine's own position off, "SOURCE:LINE: ".
func machineText(message string) string {
	if i := strings.IndexByte(message, ':'); i >= 0 {
		if j := strings.Index(message[i:], ": "); j >= 0 {
			return message[i+j+2:]
		}
	}
	return message
}

func machineError(message string, s site) string {
	words := strings.Fields(message)
	named := func(i int) name {
		if i < len(s.names) {
			return s.names[i]
		}
		return name{}
	}
	switch {
	case strings.HasPrefix(message, "attempt to compare") && len(words) == 6:
		return compareText(words[3], words[5])
	case strings.HasPrefix(message, "attempt to index"):
		return typeText("index", "table", named(0))
	case strings.HasPrefix(message, "attempt to call"):
		return typeText("call", "table", named(0))
	case strings.HasPrefix(message, "cannot perform") && len(words) == 8:
		operand := 0
		if words[5] == "number" {
			operand = 1
		}
		return typeText("perform arithmetic on", words[5+2*operand], named(operand))
	case strings.HasPrefix(message, "__unm"):
		return typeText("perform arithmetic on", "table", named(0))
	case strings.HasPrefix(message, "too many recursions in gettable"):
		return "loop in gettable"
	case strings.HasPrefix(message, "registry overflow"):
		return "stack overflow"
	}
	return message
}

func typeText(op, typeName string, n name) string {
	if n == (name{}) {
		return "attempt to " + op + " a " + typeName + " value"
	}
	return "attempt to " + op + " " + n.String() + " (a " + typeName + " value)"
}

func compareText(a, b string) string {
	if a == b {
		return "attempt to compare two " + a + " values"
	}
	return "attempt to compare " + a + " with " + b
}

// typeError blames an operand of the expression at which the calling Lua
// function is.
func typeError(l *lua.LState, op string, value lua.LValue, operand int) {
	r := runOf(l)
	_, s := r.caller(l, 1)
	var n name
	if operand < len(s.names) {
		n = s.names[operand]
	}
	r.throw(l, lua.LString(r.where(l, 1)+typeText(op, typeOf(value), n)))
}

// argError blames an argument of the running function.
func argError(l *lua.LState, n int, message string) {
	r := runOf(l)
	_, s := r.caller(l, 1)
	called := "?"
	if len(s.names) > 0 && s.names[0].kind != "" {
		called = s.names[0].text
	}
	if s.method {
		n--
		if n == 0 {
			raise(l, "calling '%s' on bad self (%s)", called, message)
		}
	}
	raise(l, "bad argument #%d to '%s' (%s)", n, called, message)
}

func wrongType(l *lua.LState, n int, expected string) {
	got := "no value"
	if n <= l.GetTop() {
		got = typeOf(l.Get(n))
	}
	argError(l, n, expected+" expected, got "+got)
}

func typeOf(v lua.LValue) string { return v.Type().String() }
