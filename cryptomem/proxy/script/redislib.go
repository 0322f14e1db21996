package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
)

// The version that scripts are told.
const (
	redisVersion       = "7.0.15"
	redisVersionNumber = 7<<16 | 0<<8 | 15
)

func redisTable() *lua.LTable {
	t := library(map[string]lua.LGFunction{
		"call":               func(l *lua.LState) int { return command(l, true) },
		"pcall":              func(l *lua.LState) int { return command(l, false) },
		"log":                redisLog,
		"sha1hex":            redisSHA1Hex,
		"error_reply":        redisErrorReply,
		"status_reply":       redisStatusReply,
		"setresp":            redisSetResp,
		"set_repl":           redisSetRepl,
		"acl_check_cmd":      redisACLCheckCommand,
		"breakpoint":         func(l *lua.LState) int { return results(l, lua.LFalse) },
		"debug":              func(*lua.LState) int { return 0 },
		"replicate_commands": func(l *lua.LState) int { return results(l, lua.LTrue) },
	})
	for n, v := range map[string]int{
		"LOG_DEBUG": 0, "LOG_VERBOSE": 1, "LOG_NOTICE": 2, "LOG_WARNING": 3,
		"REPL_NONE": 0, "REPL_AOF": 1, "REPL_SLAVE": 2, "REPL_REPLICA": 2, "REPL_ALL": 3,
		"REDIS_VERSION_NUM": redisVersionNumber,
	} {
		t.RawSetString(n, lua.LNumber(v))
	}
	t.RawSetString("REDIS_VERSION", lua.LString(redisVersion))
	return t
}

// errorTable is a Redis error as scripts see it. A text that begins with '-'
// has a code word, as replies have; others are given ERR.
func errorTable(l *lua.LState, text string) *lua.LTable {
	code, message := "ERR", text
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		message = rest
		if word, after, ok := strings.Cut(rest, " "); ok {
			code, message = word, after
		}
	}
	t := l.CreateTable(0, 1)
	runOf(l).charge(l, tableSize+fieldSize+len(text))
	t.RawSetString("err", lua.LString(cString(code+" "+strings.Trim(message, "\r\n"))))
	return t
}

func throwTable(l *lua.LState, text string) {
	runOf(l).throw(l, errorTable(l, text))
}

// command is redis.call, which raises errors, and redis.pcall.
func command(l *lua.LState, raises bool) int {
	r := runOf(l)
	args, wrong := commandArguments(l)
	if wrong != "" {
		t := errorTable(l, wrong)
		if raises {
			r.throw(l, t)
		}
		return results(l, t)
	}
	r.spend(l, commandSteps)
	reply := r.Call(args, r.protocol)
	v := toLua(l, reply)
	if reply.Kind == resp.Error && raises {
		r.throw(l, v)
	}
	return results(l, v)
}

const commandSteps = 100 // that a command counts for

func commandArguments(l *lua.LState) (args [][]byte, wrong string) {
	n := l.GetTop()
	if n == 0 {
		return nil, "Please specify at least one argument for this redis lib call"
	}
	args = make([][]byte, n)
	size := 0
	for i := range n {
		switch v := l.Get(i + 1).(type) {
		case lua.LNumber:
			args[i] = appendG(make([]byte, 0, 24), float64(v), 17)
		case lua.LString:
			args[i] = []byte(v)
		default:
			return nil, "Lua redis lib command arguments must be strings or integers"
		}
		size += len(args[i]) + slotSize
	}
	runOf(l).charge(l, size)
	return args, ""
}

func redisSHA1Hex(l *lua.LState) int {
	if l.GetTop() != 1 {
		throwTable(l, "wrong number of arguments")
	}
	s, _ := toStringValue(l.Get(1))
	runOf(l).spend(l, len(s)/64)
	return results(l, lua.LString(sha1Hex(s)))
}

func redisErrorReply(l *lua.LState) int {
	s, ok := l.Get(1).(lua.LString)
	if l.GetTop() != 1 || !ok {
		return results(l, errorTable(l, "wrong number or type of arguments"))
	}
	text := string(s)
	if !strings.HasPrefix(text, "-") {
		text = "-" + text
	}
	return results(l, errorTable(l, cString(text)))
}

func redisStatusReply(l *lua.LState) int {
	s, ok := l.Get(1).(lua.LString)
	if l.GetTop() != 1 || !ok {
		return results(l, errorTable(l, "wrong number or type of arguments"))
	}
	t := l.CreateTable(0, 1)
	t.RawSetString("ok", s)
	return results(l, t)
}

func redisLog(l *lua.LState) int {
	n := l.GetTop()
	if n < 2 {
		throwTable(l, "redis.log() requires two arguments or more.")
	}
	level, ok := toNumber(l.Get(1))
	if !ok {
		throwTable(l, "First argument must be a number (log level).")
	}
	if truncate(level) < 0 || truncate(level) > 3 {
		throwTable(l, "Invalid debug level.")
	}
	r := runOf(l)
	if r.Log == nil {
		return 0
	}
	var words []string
	for i := 2; i <= n; i++ {
		if s, ok := toStringValue(l.Get(i)); ok {
			words = append(words, s)
			r.charge(l, len(s))
		}
	}
	r.Log(int(truncate(level)), strings.Join(words, " "))
	return 0
}

func redisSetResp(l *lua.LState) int {
	if l.GetTop() != 1 {
		throwTable(l, "redis.setresp() requires one argument.")
	}
	n, _ := toNumber(l.Get(1))
	v := truncate(n)
	if v != 2 && v != 3 {
		throwTable(l, "RESP version must be 2 or 3.")
	}
	runOf(l).protocol = resp.Version(v)
	return 0
}

// redisSetRepl checks its argument: nothing is replicated here.
func redisSetRepl(l *lua.LState) int {
	if l.GetTop() != 1 {
		throwTable(l, "redis.set_repl() requires two arguments.")
	}
	n, _ := toNumber(l.Get(1))
	if int32(truncate(n))&^3 != 0 {
		throwTable(l, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
	}
	return 0
}

// redisACLCheckCommand allows every command: users have no rules here.
func redisACLCheckCommand(l *lua.LState) int {
	if _, wrong := commandArguments(l); wrong != "" {
		throwTable(l, wrong)
	}
	return results(l, lua.LTrue)
}
