package script

import (
	"bytes"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
)

// toLua is a reply as scripts see it.
func toLua(l *lua.LState, reply resp.Reply) lua.LValue {
	r := runOf(l)
	single := func(field string, v lua.LValue) lua.LValue {
		r.charge(l, tableSize+fieldSize)
		t := l.CreateTable(0, 1)
		t.RawSetString(field, v)
		return t
	}
	text := func(b []byte) lua.LValue {
		r.charge(l, len(b)+slotSize)
		return lua.LString(b)
	}
	switch reply.Kind {
	case resp.Simple:
		return single("ok", text(reply.Bytes))
	case resp.Error, resp.BlobError:
		t := errorTable(l, "-"+string(reply.Bytes))
		t.RawSetString("ignore_error_stats_update", lua.LTrue)
		return t
	case resp.Integer:
		return lua.LNumber(reply.Int)
	case resp.Bulk:
		return text(reply.Bytes)
	case resp.NullArray:
		return lua.LFalse
	case resp.Null:
		if r.protocol == resp.RESP3 {
			return lua.LNil
		}
		return lua.LFalse
	case resp.Boolean:
		return lua.LBool(reply.Int != 0)
	case resp.Double:
		return single("double", lua.LNumber(reply.Float))
	case resp.BigNumber:
		return single("big_number", text(reply.Bytes))
	case resp.Verbatim:
		format, body, _ := bytes.Cut(reply.Bytes, []byte(":"))
		t := l.CreateTable(0, 2)
		t.RawSetString("string", text(body))
		t.RawSetString("format", text(format))
		return single("verbatim_string", t)
	case resp.Map, resp.Set:
		return toLuaMap(l, reply)
	}
	r.charge(l, tableSize)
	t := l.CreateTable(len(reply.Elems), 0)
	for i, e := range reply.Elems {
		r.set(l, t, lua.LNumber(i+1), toLua(l, e))
	}
	return t
}

func toLuaMap(l *lua.LState, reply resp.Reply) lua.LValue {
	r := runOf(l)
	r.charge(l, 2*tableSize+fieldSize)
	inner, field, step := l.CreateTable(0, len(reply.Elems)), "set", 1
	if reply.Kind == resp.Map {
		field, step = "map", 2
	}
	for i := 0; i+step <= len(reply.Elems); i += step {
		var v lua.LValue = lua.LTrue
		if step == 2 {
			v = toLua(l, reply.Elems[i+1])
		}
		r.set(l, inner, toLua(l, reply.Elems[i]), v)
	}
	t := l.CreateTable(0, 1)
	t.RawSetString(field, inner)
	return t
}

// maxReplyDepth bounds arrays in arrays: Lua's stack has no room for more.
const maxReplyDepth = 7_990

// toReply is a value that a script returned as its client sees it.
func (r *run) toReply(l *lua.LState, v lua.LValue, depth int) resp.Reply {
	r.charge(l, replySize)
	if depth > maxReplyDepth {
		return resp.ErrorReply("ERR reached lua stack limit")
	}
	switch v := v.(type) {
	case lua.LString:
		r.charge(l, len(v))
		return resp.Reply{Kind: resp.Bulk, Bytes: []byte(v)}
	case lua.LNumber:
		return resp.Reply{Kind: resp.Integer, Int: truncate(float64(v))}
	case lua.LBool:
		switch {
		case r.protocol == resp.RESP3 && bool(v):
			return resp.Reply{Kind: resp.Boolean, Int: 1}
		case r.protocol == resp.RESP3:
			return resp.Reply{Kind: resp.Boolean}
		case bool(v):
			return resp.Reply{Kind: resp.Integer, Int: 1}
		}
	case *lua.LTable:
		return r.tableReply(l, v, depth)
	}
	return resp.Reply{Kind: resp.Null}
}

const replySize = 96

func (r *run) tableReply(l *lua.LState, t *lua.LTable, depth int) resp.Reply {
	field := func(n string) lua.LValue { return t.RawGetString(n) }
	if s, ok := field("err").(lua.LString); ok {
		return resp.ErrorReply(errorText(string(s)))
	}
	if s, ok := field("ok").(lua.LString); ok {
		return resp.Reply{Kind: resp.Simple, Bytes: []byte(oneLine(cString(string(s))))}
	}
	if n, ok := field("double").(lua.LNumber); ok {
		return resp.Reply{Kind: resp.Double, Float: float64(n)}
	}
	if s, ok := field("big_number").(lua.LString); ok {
		return resp.Reply{Kind: resp.BigNumber, Bytes: []byte(oneLine(string(s)))}
	}
	if v, ok := field("verbatim_string").(*lua.LTable); ok {
		format, okFormat := v.RawGetString("format").(lua.LString)
		text, okText := v.RawGetString("string").(lua.LString)
		if okFormat && okText {
			return resp.Reply{Kind: resp.Verbatim, Bytes: []byte(verbatimFormat(string(format)) + ":" + string(text))}
		}
	}
	if m, ok := field("map").(*lua.LTable); ok {
		reply := resp.Reply{Kind: resp.Map, Elems: []resp.Reply{}}
		each(r, l, m, func(k, v lua.LValue) {
			reply.Elems = append(reply.Elems, r.toReply(l, k, depth+1), r.toReply(l, v, depth+1))
		})
		return reply
	}
	if s, ok := field("set").(*lua.LTable); ok {
		reply := resp.Reply{Kind: resp.Set, Elems: []resp.Reply{}}
		each(r, l, s, func(k, _ lua.LValue) { reply.Elems = append(reply.Elems, r.toReply(l, k, depth+1)) })
		return reply
	}
	reply := resp.Reply{Kind: resp.Array, Elems: []resp.Reply{}}
	for i := 1; i <= math.MaxInt32; i++ {
		r.spend(l, 1)
		v := get(t, i)
		if v == lua.LNil {
			break
		}
		reply.Elems = append(reply.Elems, r.toReply(l, v, depth+1))
	}
	return reply
}

// verbatimFormat is three bytes.
func verbatimFormat(format string) string { return (cString(format) + "   ")[:3] }

func oneLine(s string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(s) }

// errorText is an error as it goes out: one line, without what ends it.
func errorText(s string) string { return oneLine(strings.TrimRight(cString(s), "\r\n")) }
