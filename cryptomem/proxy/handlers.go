package proxy

import (
	"strings"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
)

// handlers carry out the commands without a Run. Each appends one answer.
var handlers map[string]func(*Session, [][]byte)

func init() { // a handler may look commands up itself
	handlers = map[string]func(*Session, [][]byte){
		"ping": ping, "echo": echo, "quit": quit, "reset": reset,
		"hello": hello, "auth": auth, "select": selectDatabase,
		"client|id": clientID, "client|getname": clientGetName, "client|setname": clientSetName,
		"client|setinfo": clientSetInfo, "client|info": clientInfo, "client|list": clientList,
		"client|no-evict": clientSwitch, "client|no-touch": clientSwitch, "client|reply": clientReply,
		"command": commandAll, "command|count": commandCount, "command|info": commandInfo,
		"command|docs": commandDocs, "command|list": commandList,
		"config|get": configGet, "info": info, "time": timeNow, "role": role, "wait": wait,
		"cluster|info": cluster, "cluster|slots": cluster, "cluster|shards": cluster,
		"cluster|nodes": cluster, "cluster|myid": cluster, "cluster|keyslot": cluster,
		"dbsize": dbsize, "flushdb": flushDB, "flushall": flushAll, "keys": keys, "scan": scan,
		"eval": eval, "evalsha": eval, "eval_ro": eval, "evalsha_ro": eval,
		"script|load": scriptLoad, "script|exists": scriptExists, "script|flush": scriptFlush,
		"multi": multi, "exec": exec, "discard": discard, "watch": watch, "unwatch": unwatch,
	}
}

// reply answers with one line.
func (s *Session) reply(line string) {
	s.out = append(append(s.out, line...), "\r\n"...)
}

// errSubcommand returns the error for an unknown subcommand.
func errSubcommand(c *command.Command, name []byte) string {
	const longest = 128
	return "ERR unknown subcommand '" + string(name[:min(len(name), longest)]) + "'. Try " + strings.ToUpper(c.Name) + " HELP."
}

// intArg reads an argument as an integer. It has answered if that is none.
func (s *Session) intArg(b []byte) (n int, ok bool) {
	if n, ok = resp.ParseInt(b); !ok {
		s.reply("-ERR value is not an integer or out of range")
	}
	return n, ok
}

// printable returns b as an error shows it.
func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, string(b))
}
