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
		"a cache is no queue: nothing can wait for a value",
		[]string{"blmove", "blmpop", "blpop", "brpop", "brpoplpush", "bzmpop", "bzpopmax", "bzpopmin"},
	},
	{
		"the proxy keeps values and passes on no messages",
		[]string{"psubscribe", "publish", "pubsub", "punsubscribe", "spublish", "ssubscribe", "subscribe", "sunsubscribe", "unsubscribe"},
	},
	{
		"a stream grows without bound, and a sealed value must not",
		[]string{
			"xack", "xadd", "xautoclaim", "xclaim", "xdel", "xgroup", "xinfo", "xlen", "xpending", "xrange", "xread", "xreadgroup",
			"xrevrange", "xsetid", "xtrim",
		},
	},
	{
		"a change of one bit would rewrite the whole sealed value",
		[]string{"bitcount", "bitfield", "bitfield_ro", "bitop", "bitpos", "getbit", "setbit"},
	},
	{
		"geographic data and estimates belong in a database",
		[]string{
			"geoadd", "geodist", "geohash", "geopos", "georadius", "georadius_ro", "georadiusbymember", "georadiusbymember_ro",
			"geosearch", "geosearchstore", "pfadd", "pfcount", "pfdebug", "pfmerge", "pfselftest",
		},
	},
	{
		"joins or moves several sealed values",
		[]string{
			"copy", "lmove", "lmpop", "move", "rpoplpush", "sdiff", "sdiffstore", "sinter", "sintercard", "sinterstore", "smove", "sort",
			"sort_ro", "sunion", "sunionstore", "swapdb", "zdiff", "zdiffstore", "zinter", "zintercard", "zinterstore", "zmpop",
			"zrangestore", "zunion", "zunionstore",
		},
	},
	{
		"no tested client needs it",
		[]string{
			"hrandfield", "lcs", "linsert", "lpos", "lpushx", "rpushx", "randomkey", "zlexcount", "zrandmember", "zrangebylex",
			"zremrangebylex", "zrevrangebylex", "function", "fcall", "fcall_ro", "script|debug", "script|kill", "command|getkeys", "command|getkeysandflags",
		},
	},
	{
		"the proxy is not told of others' changes, so a caching client would keep stale values",
		[]string{"client|caching", "client|getredir", "client|tracking", "client|trackinginfo"},
	},
	{
		"a client must not stop or delay others",
		[]string{"client|kill", "client|pause", "client|unblock", "client|unpause", "monitor", "shutdown"},
	},
	{
		"about the server that stores: ask the upstream",
		[]string{
			"acl", "bgrewriteaof", "bgsave", "config|resetstat", "config|rewrite", "config|set", "debug", "dump", "failover",
			"lastsave", "latency", "lolwut", "memory", "migrate", "module", "object", "replicaof", "restore", "restore-asking", "save", "slaveof", "slowlog",
		},
	},
	{
		"a proxy has no cluster and no replicas",
		[]string{
			"asking", "psync", "readonly", "readwrite", "replconf", "sync",
			"cluster|addslots", "cluster|addslotsrange", "cluster|bumpepoch", "cluster|count-failure-reports", "cluster|countkeysinslot",
			"cluster|delslots", "cluster|delslotsrange", "cluster|failover", "cluster|flushslots", "cluster|forget", "cluster|getkeysinslot",
			"cluster|links", "cluster|meet", "cluster|replicas", "cluster|replicate", "cluster|reset", "cluster|saveconfig",
			"cluster|set-config-epoch", "cluster|setslot", "cluster|slaves",
		},
	},
	{
		"this page is the help",
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
	b.WriteString("\nThe other commands of Redis 7.0 are refused as unknown:\n\n| commands | why |\n|---|---|\n")
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
