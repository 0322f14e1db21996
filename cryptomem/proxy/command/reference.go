package command

import (
	"fmt"
	"slices"
	"strings"
)

// A Refusal is commands of Redis 7.0 that are answered as unknown ones, and why.
type Refusal struct {
	Why string
	// Subcommands included, as in "client|kill".
	Names []string
}

// Refused has every command of Redis 7.0 that is not in Table.
var Refused = []Refusal{
	{
		"nothing waits in a store of sealed values: use a queue that is made for it",
		[]string{"blmove", "blmpop", "blpop", "brpop", "brpoplpush", "bzmpop", "bzpopmax", "bzpopmin"},
	},
	{
		"messages are not values: publish and subscribe elsewhere",
		[]string{"psubscribe", "publish", "pubsub", "punsubscribe", "spublish", "ssubscribe", "subscribe", "sunsubscribe", "unsubscribe"},
	},
	{
		"a stream grows without bound, and one sealed value must not",
		[]string{
			"xack", "xadd", "xautoclaim", "xclaim", "xdel", "xgroup", "xinfo", "xlen", "xpending", "xrange", "xread", "xreadgroup",
			"xrevrange", "xsetid", "xtrim",
		},
	},
	{
		"bits of a sealed value cannot be changed apart from the rest",
		[]string{"bitcount", "bitfield", "bitfield_ro", "bitop", "bitpos", "getbit", "setbit"},
	},
	{
		"places and estimates are data for a database",
		[]string{
			"geoadd", "geodist", "geohash", "geopos", "georadius", "georadius_ro", "georadiusbymember", "georadiusbymember_ro",
			"geosearch", "geosearchstore", "pfadd", "pfcount", "pfdebug", "pfmerge", "pfselftest",
		},
	},
	{
		"several sealed values cannot be joined or moved at once",
		[]string{
			"copy", "lmove", "lmpop", "move", "rpoplpush", "sdiff", "sdiffstore", "sinter", "sintercard", "sinterstore", "smove", "sort",
			"sort_ro", "sunion", "sunionstore", "swapdb", "zdiff", "zdiffstore", "zinter", "zintercard", "zinterstore", "zmpop",
			"zrangestore", "zunion", "zunionstore",
		},
	},
	{
		"no client that was tried needs it",
		[]string{
			"hrandfield", "lcs", "linsert", "lpos", "lpushx", "rpushx", "randomkey", "zlexcount", "zrandmember", "zrangebylex",
			"zremrangebylex", "zrevrangebylex", "function", "fcall", "fcall_ro", "script|debug", "script|kill", "command|getkeys", "command|getkeysandflags",
		},
	},
	{
		"nobody tells the proxy what others change: a client that caches would keep what is gone",
		[]string{"client|caching", "client|getredir", "client|tracking", "client|trackinginfo"},
	},
	{
		"a client is not to end or hold up others",
		[]string{"client|kill", "client|pause", "client|unblock", "client|unpause", "monitor", "shutdown"},
	},
	{
		"it is about a server that stores, and that is the upstream",
		[]string{
			"acl", "bgrewriteaof", "bgsave", "config|resetstat", "config|rewrite", "config|set", "debug", "dump", "failover",
			"lastsave", "latency", "lolwut", "memory", "migrate", "module", "object", "replicaof", "restore", "restore-asking", "save", "slaveof", "slowlog",
		},
	},
	{
		"there is one proxy, no cluster and no replicas",
		[]string{
			"asking", "psync", "readonly", "readwrite", "replconf", "sync",
			"cluster|addslots", "cluster|addslotsrange", "cluster|bumpepoch", "cluster|count-failure-reports", "cluster|countkeysinslot",
			"cluster|delslots", "cluster|delslotsrange", "cluster|failover", "cluster|flushslots", "cluster|forget", "cluster|getkeysinslot",
			"cluster|links", "cluster|meet", "cluster|replicas", "cluster|replicate", "cluster|reset", "cluster|saveconfig",
			"cluster|set-config-epoch", "cluster|setslot", "cluster|slaves",
		},
	},
	{
		"help is in this document",
		[]string{"client|help", "cluster|help", "command|help", "config|help", "script|help"},
	},
}

// Reference returns what is spoken and what is refused, as Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString("| command | group | as in Redis 7.0 |\n|---|---|---|\n")
	for _, c := range All() {
		differs := "full"
		if c.Differs != "" {
			differs = "partial: " + c.Differs
		}
		if len(c.Subcommands) == 0 {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.ToUpper(c.Name), c.Group, differs)
			continue
		}
		subs := make([]string, len(c.Subcommands))
		for i, s := range c.Subcommands {
			subs[i] = strings.ToUpper(s.Name[len(c.Name)+1:])
		}
		slices.Sort(subs)
		fmt.Fprintf(&b, "| `%s` (%s) | %s | %s |\n", strings.ToUpper(c.Name), strings.Join(subs, ", "), c.Group, differs)
	}
	b.WriteString("\nRefused, as Redis refuses a command that it does not know:\n\n| commands | why |\n|---|---|\n")
	for _, r := range Refused {
		names := make([]string, len(r.Names))
		for i, n := range r.Names {
			names[i] = "`" + strings.ToUpper(strings.ReplaceAll(n, "|", " ")) + "`"
		}
		slices.Sort(names)
		fmt.Fprintf(&b, "| %s | %s |\n", strings.Join(names, " "), r.Why)
	}
	return b.String()
}
