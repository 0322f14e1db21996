package script

import (
	"context"
	"fmt"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
)

// Limits bound what a script may take. A field that is 0 has its default.
type Limits struct {
	// Instructions of a run; default 5,000,000.
	Steps int
	// Bytes that a run may ask for in all, given back or not; default 128 MiB.
	Memory int64
	// Bytes of a script; default 256 KiB.
	Source int
	// Scripts that are kept; default 1,000.
	Scripts int
	// Bytes that all kept scripts take, about; default 32 MiB.
	Cache int64
}

func (l Limits) withDefaults() Limits {
	if l.Steps <= 0 {
		l.Steps = 5_000_000
	}
	if l.Memory <= 0 {
		l.Memory = 128 << 20
	}
	if l.Source <= 0 {
		l.Source = 256 << 10
	}
	if l.Scripts <= 0 {
		l.Scripts = 1_000
	}
	if l.Cache <= 0 {
		l.Cache = 32 << 20
	}
	return l
}

// An Engine compiles, keeps and runs scripts. It is safe for concurrent use.
type Engine struct {
	limits Limits
	cache  *cache
	states sync.Pool
	random sharedRandom
}

// New returns an engine without scripts.
func New(limits Limits) *Engine {
	limits = limits.withDefaults()
	e := &Engine{limits: limits, cache: newCache(limits.Scripts, limits.Cache), random: sharedRandom{g: lrand48Start}}
	e.states.New = func() any { return newState() }
	return e
}

// A Script is one that can run. It is safe for concurrent use.
type Script struct {
	engine *Engine
	sha    string
	flags  Flags
	proto  *lua.FunctionProto
	chunk  *chunk
	size   int64
}

// SHA is the script's name for EVALSHA: the SHA-1 of its source in lower case
// hexadecimal digits.
func (s *Script) SHA() string { return s.sha }

// Flags are those that the script's first line declares.
func (s *Script) Flags() Flags { return s.flags }

// Load compiles a script, unless it is kept already, and keeps it. The text of
// the error is the whole reply that Redis gives, code word first.
func (e *Engine) Load(source []byte) (*Script, error) {
	text := string(source)
	sha := sha1Hex(text)
	if s, ok := e.cache.get(sha); ok {
		return s, nil
	}
	if len(source) > e.limits.Source {
		return nil, fmt.Errorf("ERR script is %d bytes, limit %d", len(source), e.limits.Source)
	}
	flags, body, err := parseFlags(text)
	if err != nil {
		return nil, fmt.Errorf("ERR %w", err)
	}
	proto, c, err := compile(body, "@user_script")
	if err != nil {
		return nil, fmt.Errorf("ERR Error compiling script (new function): %w", oneLineError{err})
	}
	s := &Script{engine: e, sha: sha, flags: flags, proto: proto, chunk: c, size: int64(compiledSize * (len(source) + 1))}
	e.cache.add(s)
	return s, nil
}

type oneLineError struct{ error }

func (e oneLineError) Error() string { return errorText(e.error.Error()) }

const compiledSize = 48 // bytes that a byte of source takes when compiled, about

// Lookup finds a script that is kept, by its SHA-1 in either case.
func (e *Engine) Lookup(sha string) (*Script, bool) {
	return e.cache.get(strings.ToLower(sha))
}

// Flush forgets all scripts. Those that run run on.
func (e *Engine) Flush() { e.cache.flush() }

// NoScript is what EVALSHA answers for a script that is not kept.
const NoScript = "NOSCRIPT No matching script. Please use EVAL."

// Run executes the script. The reply is what EVAL answers, errors included.
// When ctx ends the script ends within some 1,000 instructions, and Run returns
// the context's error; so it does with ErrTooManySteps and ErrOutOfMemory, with
// the reply that a client is to get.
func (s *Script) Run(ctx context.Context, request *Run) (resp.Reply, error) {
	e := s.engine
	st := e.states.Get().(*state)
	r := &run{
		Run: request, ctx: ctx, state: st, limits: e.limits, sha: s.sha, chunks: map[string]*chunk{s.proto.SourceName: s.chunk},
		steps: e.limits.Steps, memory: e.limits.Memory, protocol: resp.RESP2, shared: &e.random, json: jsonDefaults,
	}
	l := st.l
	l.SetContext(r)
	var reply resp.Reply
	l.Push(function(func(l *lua.LState) int {
		reply = r.execute(l, s.proto)
		return 0
	}))
	if v, ok := r.protect(l, 0); !ok {
		reply = r.failed(v)
	}
	err := r.dead
	l.SetTop(0)
	if !r.tainted && err == nil {
		e.states.Put(st)
	}
	return reply, err
}

func (r *run) execute(l *lua.LState, proto *lua.FunctionProto) resp.Reply {
	r.state.globals.RawSetString("KEYS", r.strings(l, r.Keys))
	r.state.globals.RawSetString("ARGV", r.strings(l, r.Args))
	l.Push(l.NewFunctionFromProto(proto))
	if v, ok := r.protect(l, 0); !ok {
		return r.failed(v)
	}
	v := lua.LNil
	if l.GetTop() > 0 {
		v = l.Get(1)
	}
	return r.toReply(l, v, 0)
}

func (r *run) strings(l *lua.LState, list [][]byte) *lua.LTable {
	t := l.CreateTable(len(list), 0)
	for i, b := range list {
		r.charge(l, len(b)+slotSize)
		t.RawSetInt(i+1, lua.LString(b))
	}
	return t
}

// failed is the reply for an error that the script did not catch.
func (r *run) failed(v lua.LValue) resp.Reply {
	t, ok := v.(*lua.LTable)
	source, line := r.errSource, fmt.Sprint(r.errLine)
	text := ""
	if ok {
		text, _ = toStringValue(t.RawGetString("err"))
	} else if r.dead != nil {
		text = "ERR " + r.dead.Error()
	} else {
		text = "ERR " + plainText(v)
	}
	return resp.ErrorReply(errorText(cString(text) + " script: " + r.sha + ", on " + cString(source) + ":" + line + "."))
}

// plainText is tostring for an error of any type.
func plainText(v lua.LValue) string {
	if s, ok := toStringValue(v); ok {
		return s
	}
	return v.String()
}
