package config

import (
	"math"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
)

var proxySettings = prefixed("PROXY_", []ProxySetting{
	{
		Group: "Addresses, TLS and password",
		Name:  "addr", Default: "localhost:6379",
		Doc:  "Where programs connect: one address, or several separated by commas. The name localhost means both 127.0.0.1 and ::1. A program that can connect can read and write everything, so an address that other machines can reach needs TLS and a password.",
		bind: func(c *Proxy) Value { return addresses(&c.Addr) },
	},
	{
		Name: "unix_mode", Default: "0600",
		Doc:  "Who may connect to the Unix sockets among the addresses, as a file mode.",
		bind: func(c *Proxy) Value { return mode(&c.UnixMode) },
	},
	{
		Name: "tls_cert", Default: "none",
		Doc:  "PEM file with the proxy's certificate chain. With it, addr speaks TLS 1.3. The file is read again when it changes.",
		bind: func(c *Proxy) Value { return optionalFile(&c.TLSCert) },
	},
	{
		Name: "tls_key", Default: "none",
		Doc:  "PEM file with the private key of tls_cert.",
		bind: func(c *Proxy) Value { return optionalFile(&c.TLSKey) },
	},
	{
		Name: "password_file", Default: "none",
		Doc:  "File whose first line is the password that clients must give with AUTH or HELLO. The user is \"default\".",
		bind: func(c *Proxy) Value { return optionalFile(&c.PasswordFile) },
	},
	{
		Group: "Upstream",
		Name:  "upstream", Default: "localhost:8080",
		Doc:  "Where the sealed values are kept: a cryptomem server as host:port or unix:PATH, several of them as a ring, separated by commas, or Valkey or Redis as valkey://host:port. If the URL has a password, put it in the environment, where other users of the machine cannot read it.",
		bind: func(c *Proxy) Value { return storeAddress(&c.Upstream) },
	},
	{
		Name: "upstream_tls", Default: "false",
		Doc:  "Speak TLS to the upstream, and trust the system's authorities.",
		bind: func(c *Proxy) Value { return toggle(&c.UpstreamTLS) },
	},
	{
		Name: "upstream_ca", Default: "none",
		Doc:  "PEM file with the authorities to trust for the upstream's certificate. With it, the proxy speaks TLS to the upstream.",
		bind: func(c *Proxy) Value { return optionalFile(&c.UpstreamCA) },
	},
	{
		Name: "upstream_identity", Default: "none",
		Doc:  "Identity to authenticate as with a cryptomem server.",
		bind: func(c *Proxy) Value { return optional(&c.UpstreamIdentity, text(&c.UpstreamIdentity, "a name")) },
	},
	{
		Name: "upstream_token_file", Default: "none",
		Doc:  "File with the token of upstream_identity.",
		bind: func(c *Proxy) Value { return optionalFile(&c.UpstreamTokenFile) },
	},
	{
		Name: "upstream_timeout", Default: "5s",
		Doc:  "Time for the upstream to answer, and for one command with all its attempts.",
		bind: func(c *Proxy) Value { return timeout(&c.UpstreamTimeout) },
	},
	{
		Name: "near_cache", Default: "0",
		Doc:  "Memory for copies of sealed values that are read often, for each database in use. Only for Valkey and Redis. 0 keeps no copies; otherwise at least 1MiB. The proxy's own writes are seen at once, those of others as soon as the upstream reports them, and after 10 s at the latest.",
		bind: func(c *Proxy) Value { return size(&c.NearCache, 0, 1<<40) },
	},
	{
		Group: "Keys and sealing",
		Name:  "key_file", Default: "none",
		Doc:  "File with the keys that seal values, as written by cryptomem keygen. Without this setting, the file in CRYPTOMEM_KEY_FILE. It is read again when it changes, so a rotation needs no restart.",
		bind: func(c *Proxy) Value { return optionalFile(&c.KeyFile) },
	},
	{
		Name: "namespace", Default: AutoNamespace,
		Doc:  "Namespace of database 0. Database n has the same with /n appended. With auto, it is the namespace that the key file was derived for, or \"default\" if the file holds root keys.",
		bind: func(c *Proxy) Value { return text(&c.Namespace, "a name") },
	},
	{
		Name: "blind_names", Default: "false",
		Doc:  "Show the upstream only hashes of names. SCAN, KEYS and DBSIZE are refused then.",
		bind: func(c *Proxy) Value { return toggle(&c.BlindNames) },
	},
	{
		Name: "padding", Default: "false",
		Doc:  "Pad values, so that their sizes reveal less.",
		bind: func(c *Proxy) Value { return toggle(&c.Padding) },
	},
	{
		Name: "freshness", Default: "true",
		Doc:  "Remember what the upstream has shown, and treat a value that is known to be replaced or removed as missing. Switch this off only if the upstream answers from replicas that lag.",
		bind: func(c *Proxy) Value { return toggle(&c.Freshness) },
	},
	{
		Name: "clock_bound", Default: "5s",
		Doc:  "How much the clocks of processes that share values may differ. A value sealed further in the future is refused, and a cut takes effect this much later.",
		bind: func(c *Proxy) Value { return duration(&c.ClockBound, time.Millisecond, time.Hour) },
	},
	{
		Name: "write_delay", Default: "55s",
		Doc:  "How long a write may take to reach the upstream. A value is refused if it was sealed longer than this plus clock_bound before the newest one known under its name.",
		bind: func(c *Proxy) Value { return duration(&c.WriteDelay, time.Millisecond, quantity.Day) },
	},
	{
		Name: "not_before", Default: "none", Reload: true,
		Doc:  "A cut: a value counts as missing if it was sealed before this time, or does not say when it was sealed. The cut takes effect when the clock is past it by clock_bound. If the key file has a cut too, the later one counts.",
		bind: func(c *Proxy) Value { return moment(&c.NotBefore) },
	},
	{
		Name: "envelope_version", Default: EnvelopeStamped,
		Doc:  "Version of the envelopes that are written. 0xC2 says when a value was sealed; 0xC1 is for readers that do not know 0xC2. Both are read.",
		bind: func(c *Proxy) Value { return choice(&c.EnvelopeVersion, EnvelopeStamped, EnvelopeUnstamped) },
	},
	{
		Name: "stamped_only", Default: "false",
		Doc:  "Refuse values of version 0xC1. Use this when their last writer is gone and its values have expired.",
		bind: func(c *Proxy) Value { return toggle(&c.StampedOnly) },
	},
	{
		Group: "Values and commands",
		Name:  "databases", Default: "16",
		Doc:  "Number of databases that SELECT accepts.",
		bind: func(c *Proxy) Value { return count(&c.Databases, 1, 16) },
	},
	{
		Name: "default_ttl", Default: "0",
		Doc:  "TTL of a value that is stored without one, for programs that never set any. 0 keeps it until it is deleted or evicted.",
		bind: func(c *Proxy) Value { return duration(&c.DefaultTTL, 0, math.MaxInt64) },
	},
	{
		Name: "max_value_size", Default: "1MiB",
		Doc:  "Largest value. Sealed, it is 64 bytes longer, so the max_value_size of the upstream must be larger.",
		bind: func(c *Proxy) Value { return size(&c.MaxValueSize, 1<<10, 512*mib) },
	},
	{
		Name: "max_collection", Default: "1024",
		Doc:  "Largest number of members of a hash, sorted set, set or list. A collection is one sealed value, which is rewritten with every change.",
		bind: func(c *Proxy) Value { return count(&c.MaxCollection, 1, 1<<20) },
	},
	{
		Name: "max_collection_size", Default: "64KiB",
		Doc:  "Largest hash, sorted set, set or list.",
		bind: func(c *Proxy) Value { return size(&c.MaxCollectionSize, 1<<8, 64*mib) },
	},
	{
		Name: "touch_slack", Default: "0",
		Doc:  "An EXPIRE is skipped if it would lengthen a value's remaining life by less than this percentage. Session stores call EXPIRE with every request: with 10, a session of one hour is written once in six minutes.",
		bind: func(c *Proxy) Value { return count(&c.TouchSlack, 0, 50) },
	},
	{
		Name: "empty_scans", Default: "false",
		Doc:  "With blind names, answer SCAN and KEYS with an empty list instead of an error.",
		bind: func(c *Proxy) Value { return toggle(&c.EmptyScans) },
	},
	{
		Name: "flushall", Default: "false",
		Doc:  "Allow FLUSHALL, which empties all databases. FLUSHDB is always allowed. The upstream must allow flushing, too.",
		bind: func(c *Proxy) Value { return toggle(&c.FlushAll) },
	},
	{
		Name: "strict_transactions", Default: "false",
		Doc:  "Refuse an EXEC that would change several names one after the other, because others could see one change without the next. What the upstream changes in one step is allowed.",
		bind: func(c *Proxy) Value { return toggle(&c.StrictTransactions) },
	},
	{
		Name: "script_steps", Default: "5000000",
		Doc:  "Instructions after which a script is stopped.",
		bind: func(c *Proxy) Value { return count(&c.ScriptSteps, 1_000, math.MaxInt32) },
	},
	{
		Name: "script_memory", Default: "128MiB",
		Doc:  "Memory that one run of a script may allocate in total, even if it frees some.",
		bind: func(c *Proxy) Value { return size(&c.ScriptMemory, mib, gib) },
	},
	{
		Group: "Connections and timeouts",
		Name:  "max_in_flight", Default: "256MiB",
		Doc:  "Memory for incomplete commands, transactions and unread answers of all connections; the first 16KiB of each do not count. A command over the limit is refused. A client whose answer does not fit is disconnected.",
		bind: func(c *Proxy) Value { return size(&c.MaxInFlight, mib, 1<<40) },
	},
	{
		Name: "max_connections", Default: "10000", Reload: true,
		Doc:  "Connections open at once. Further ones get an error and are closed, as in Redis.",
		bind: func(c *Proxy) Value { return count(&c.MaxConnections, 1, 1_000_000) },
	},
	{
		Name: "command_timeout", Default: "30s", Reload: true,
		Doc:  "Time for a command to arrive completely after its first byte.",
		bind: func(c *Proxy) Value { return timeout(&c.CommandTimeout) },
	},
	{
		Name: "write_timeout", Default: "30s", Reload: true,
		Doc:  "Time for a client to read answers that are waiting for it.",
		bind: func(c *Proxy) Value { return timeout(&c.WriteTimeout) },
	},
	{
		Name: "idle_timeout", Default: "none", Reload: true,
		Doc:  "How long a connection may be silent between commands. With none there is no limit, as in Redis.",
		bind: func(c *Proxy) Value { return idleTimeout(&c.IdleTimeout) },
	},
	{
		Name: "auth_timeout", Default: "10s", Reload: true,
		Doc:  "Time for a client to give the password, if there is one.",
		bind: func(c *Proxy) Value { return timeout(&c.AuthTimeout) },
	},
	{
		Name: "shutdown_timeout", Default: "10s", Reload: true,
		Doc:  "Time to answer the commands of open connections after SIGTERM or SIGINT. Then they are cut.",
		bind: func(c *Proxy) Value { return duration(&c.ShutdownTimeout, 0, quantity.Day) },
	},
	{
		Group: "Admin page and metrics",
		Name:  "admin", Default: "none",
		Doc:  "Where health checks, metrics and the admin page are served over HTTP. There is no password: keep it on loopback.",
		bind: func(c *Proxy) Value { return optionalAddress(&c.Admin) },
	},
	{
		Name: "admin_pprof", Default: "false",
		Doc:  "Also serve Go profiles at the admin address, under /debug/pprof/.",
		bind: func(c *Proxy) Value { return toggle(&c.AdminPprof) },
	},
	{
		Group: "Logging",
		Name:  "log_format", Default: "text",
		Doc:  "Format of the log on standard error.",
		bind: func(c *Proxy) Value { return choice(&c.LogFormat, "text", "json") },
	},
	{
		Name: "log_level", Default: "info", Reload: true,
		Doc:  "Lowest level that is logged.",
		bind: func(c *Proxy) Value { return level(&c.LogLevel) },
	},
})

// prefixed gives the settings' environment variables a prefix.
func prefixed[C any](prefix string, settings []SettingOf[C]) []SettingOf[C] {
	for i := range settings {
		settings[i].prefix = prefix
	}
	return settings
}
