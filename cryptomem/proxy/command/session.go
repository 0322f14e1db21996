package command

// sessionCommands concern the connection, the server or several commands, and a
// session carries them out.
var sessionCommands = []Command{
	{Name: "ping", Group: Connection, Arity: -1, Flags: Fast},
	{Name: "echo", Group: Connection, Arity: 2, Flags: Fast},
	{Name: "quit", Group: Connection, Arity: -1, Flags: Fast | NoScript | NoMulti | NoAuth},
	{Name: "reset", Group: Connection, Arity: 1, Flags: Fast | NoScript | NoAuth},
	{Name: "hello", Group: Connection, Arity: -1, Flags: Fast | NoScript | NoAuth},
	{
		Name: "auth", Group: Connection, Arity: -2, Flags: Fast | NoScript | NoAuth,
		Differs: "the only user is `default`",
	},
	{
		Name: "select", Group: Connection, Arity: 2, Flags: Fast,
		Differs: "database 0 is the configured namespace, database n is that name with `/n` appended",
	},
	{Name: "client", Group: Connection, Arity: -2, Subcommands: clientCommands},
	{Name: "command", Group: Server, Arity: -1, Subcommands: commandCommands},
	{Name: "config", Group: Server, Arity: -2, Flags: NoScript, Subcommands: configCommands},
	{Name: "info", Group: Server, Arity: -1},
	{Name: "time", Group: Server, Arity: 1, Flags: Fast},
	{Name: "role", Group: Server, Arity: 1, Flags: Fast | NoScript},
	{Name: "wait", Group: Server, Arity: 3, Flags: NoScript, Differs: "always 0: there are no replicas"},
	{Name: "cluster", Group: Server, Arity: -2, Subcommands: clusterCommands, Differs: "says that cluster support is disabled"},
	{
		Name: "dbsize", Group: Server, Arity: 1, Flags: ReadOnly | Fast,
		Differs: "scans all names to count them; refused with blind names",
	},
	{Name: "flushdb", Group: Server, Arity: -1, Flags: Write, Differs: "empties the selected namespace only, and always waits until that is done"},
	{Name: "flushall", Group: Server, Arity: -1, Flags: Write, Differs: "unknown unless `flushall` is set; empties the namespaces of all databases"},
	{Name: "keys", Group: Keys, Arity: 2, Flags: ReadOnly, Differs: "refused with blind names"},
	{Name: "scan", Group: Keys, Arity: -2, Flags: ReadOnly, Differs: "refused with blind names, or empty with `empty_scans`; cursors are the upstream's"},
	{Name: "multi", Group: Transaction, Arity: 1, Flags: Fast | NoScript},
	{
		Name: "exec", Group: Transaction, Arity: 1, Flags: NoScript,
		Differs: "one step for one name, and for several over Valkey or Redis in one slot; elsewhere one name after the other",
	},
	{Name: "discard", Group: Transaction, Arity: 1, Flags: Fast | NoScript},
	{
		Name: "watch", Group: Transaction, Arity: -2, Flags: Fast | NoScript, FirstKey: 1, LastKey: -1, KeyStep: 1,
		Differs: "exact if the watched name is the only one changed, or over Valkey or Redis in one slot; elsewhere compared right before the first change",
	},
	{Name: "unwatch", Group: Transaction, Arity: 1, Flags: Fast | NoScript},
	{Name: "eval", Group: Scripting, Arity: -3, Flags: NoScript, Differs: scriptDiffers},
	{Name: "evalsha", Group: Scripting, Arity: -3, Flags: NoScript, Differs: scriptDiffers},
	{Name: "eval_ro", Group: Scripting, Arity: -3, Flags: NoScript | ReadOnly, Differs: scriptDiffers},
	{Name: "evalsha_ro", Group: Scripting, Arity: -3, Flags: NoScript | ReadOnly, Differs: scriptDiffers},
	{Name: "script", Group: Scripting, Arity: -2, Flags: NoScript, Subcommands: scriptCommands},
}

const scriptDiffers = "changes one name, or several over Valkey or Redis in one slot; runs again if another client was faster"

var clientCommands = []Command{
	{Name: "client|id", Arity: 2, Flags: Fast | NoScript},
	{Name: "client|getname", Arity: 2, Flags: Fast | NoScript},
	{Name: "client|setname", Arity: 3, Flags: Fast | NoScript},
	{Name: "client|setinfo", Arity: 4, Flags: Fast | NoScript},
	{Name: "client|info", Arity: 2, Flags: NoScript},
	{Name: "client|list", Arity: -2, Flags: NoScript},
	{Name: "client|no-evict", Arity: 3, Flags: NoScript},
	{Name: "client|no-touch", Arity: 3, Flags: NoScript},
	{Name: "client|reply", Arity: 3, Flags: NoScript},
}

var commandCommands = []Command{
	{Name: "command|count", Arity: 2},
	{Name: "command|info", Arity: -2},
	{Name: "command|docs", Arity: -2},
	{Name: "command|list", Arity: -2},
}

var configCommands = []Command{
	{Name: "config|get", Arity: -3},
}

var clusterCommands = []Command{
	{Name: "cluster|info", Arity: 2},
	{Name: "cluster|slots", Arity: 2},
	{Name: "cluster|shards", Arity: 2},
	{Name: "cluster|nodes", Arity: 2},
	{Name: "cluster|myid", Arity: 2},
	{Name: "cluster|keyslot", Arity: 3},
}

var scriptCommands = []Command{
	{Name: "script|load", Arity: 3, Flags: NoScript},
	{Name: "script|exists", Arity: -3, Flags: NoScript},
	{Name: "script|flush", Arity: -2, Flags: NoScript},
}
