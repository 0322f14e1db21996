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
		Differs: "there is one user, default",
	},
	{
		Name: "select", Group: Connection, Arity: 2, Flags: Fast,
		Differs: "database 0 is the configured namespace NAME, database n is NAME/n",
	},
	{Name: "client", Group: Connection, Arity: -2, Subcommands: clientCommands},
	{Name: "command", Group: Server, Arity: -1, Subcommands: commandCommands},
	{Name: "config", Group: Server, Arity: -2, Flags: NoScript, Subcommands: configCommands},
	{Name: "info", Group: Server, Arity: -1},
	{Name: "time", Group: Server, Arity: 1, Flags: Fast},
	{Name: "role", Group: Server, Arity: 1, Flags: Fast | NoScript},
	{Name: "wait", Group: Server, Arity: 3, Flags: NoScript, Differs: "always answers 0: there are no replicas"},
	{Name: "cluster", Group: Server, Arity: -2, Subcommands: clusterCommands, Differs: "answers that cluster support is disabled"},
	{
		Name: "dbsize", Group: Server, Arity: 1, Flags: ReadOnly | Fast,
		Differs: "counts the names by scanning them; refused where names are blind",
	},
	{Name: "flushdb", Group: Server, Arity: -1, Flags: Write, Differs: "empties the selected namespace only; always waits until that is done"},
	{Name: "flushall", Group: Server, Arity: -1, Flags: Write, Differs: "off unless flushall is set; empties the namespaces of all databases"},
	{Name: "keys", Group: Keys, Arity: 2, Flags: ReadOnly, Differs: "refused where names are blind"},
	{Name: "scan", Group: Keys, Arity: -2, Flags: ReadOnly, Differs: "refused where names are blind, or answered empty if so configured; a cursor is the upstream's"},
	{Name: "multi", Group: Transaction, Arity: 1, Flags: Fast | NoScript},
	{
		Name: "exec", Group: Transaction, Arity: 1, Flags: NoScript,
		Differs: "all takes effect at once on one name, and on several over Valkey in one slot; elsewhere another client may see their changes one after the other",
	},
	{Name: "discard", Group: Transaction, Arity: 1, Flags: Fast | NoScript},
	{
		Name: "watch", Group: Transaction, Arity: -2, Flags: Fast | NoScript, FirstKey: 1, LastKey: -1, KeyStep: 1,
		Differs: "exact where the watched and the changed name are one, or lie in one slot over Valkey; elsewhere watched names are compared right before the first change",
	},
	{Name: "unwatch", Group: Transaction, Arity: 1, Flags: Fast | NoScript},
	{Name: "eval", Group: Scripting, Arity: -3, Flags: NoScript, Differs: scriptDiffers},
	{Name: "evalsha", Group: Scripting, Arity: -3, Flags: NoScript, Differs: scriptDiffers},
	{Name: "eval_ro", Group: Scripting, Arity: -3, Flags: NoScript | ReadOnly, Differs: scriptDiffers},
	{Name: "evalsha_ro", Group: Scripting, Arity: -3, Flags: NoScript | ReadOnly, Differs: scriptDiffers},
	{Name: "script", Group: Scripting, Arity: -2, Flags: NoScript, Subcommands: scriptCommands},
}

const scriptDiffers = "a script reads any names that it declares and changes one of them, or several in one slot over Valkey; it runs again when another client was faster"

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
