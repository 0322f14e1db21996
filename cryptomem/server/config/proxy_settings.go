package config

import (
	"math"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
)

var proxySettings = prefixed("PROXY_", []ProxySetting{
	{
		Name: "addr", Default: "localhost:6379",
		Doc:  "Where programs find the proxy. Several addresses are separated by commas; localhost is both 127.0.0.1 and ::1. Who reaches it can read and write everything: off loopback it needs TLS and a password.",
		bind: func(c *Proxy) Value { return addresses(&c.Addr) },
	},
	{
		Name: "unix_mode", Default: "0600",
		Doc:  "Who may connect to the Unix sockets among the addresses, as a file mode.",
		bind: func(c *Proxy) Value { return mode(&c.UnixMode) },
	},
	{
		Name: "tls_cert", Default: "none",
		Doc:  "PEM file with the proxy's certificate chain; it makes addr speak TLS 1.3, and is read again when it changes.",
		bind: func(c *Proxy) Value { return optionalFile(&c.TLSCert) },
	},
	{
		Name: "tls_key", Default: "none",
		Doc:  "PEM file with the private key of tls_cert.",
		bind: func(c *Proxy) Value { return optionalFile(&c.TLSKey) },
	},
	{
		Name: "password_file", Default: "none",
		Doc:  "File whose first line is the password that clients give with AUTH or HELLO, of the user default.",
		bind: func(c *Proxy) Value { return optionalFile(&c.PasswordFile) },
	},
	{
		Name: "upstream", Default: "localhost:8080",
		Doc:  "Where the sealed values are kept: a cryptomem server, as host:port or unix:PATH, or several as a ring, separated by commas; or Valkey or Redis, as valkey://host:port. A password is part of the latter, and then belongs in the environment, which other users of the machine cannot read.",
		bind: func(c *Proxy) Value { return storeAddress(&c.Upstream) },
	},
	{
		Name: "upstream_tls", Default: "false",
		Doc:  "Whether the upstream speaks TLS, trusted by the system's authorities.",
		bind: func(c *Proxy) Value { return toggle(&c.UpstreamTLS) },
	},
	{
		Name: "upstream_ca", Default: "none",
		Doc:  "PEM file with the authorities that the upstream's certificate is trusted by; it makes the proxy speak TLS to it.",
		bind: func(c *Proxy) Value { return optionalFile(&c.UpstreamCA) },
	},
	{
		Name: "upstream_identity", Default: "none",
		Doc:  "Identity that the proxy authenticates as with a cryptomem server.",
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
		Doc:  "Memory in which sealed values that are read often are kept in the proxy, for each database in use, where the upstream is Valkey or Redis; 0 keeps none, and otherwise it is at least 1MiB. Own writes are seen at once, those of others when the upstream has told of them, and after 10 s at the latest.",
		bind: func(c *Proxy) Value { return size(&c.NearCache, 0, 1<<40) },
	},
	{
		Name: "key_file", Default: "none",
		Doc:  "File with the keys that values are sealed with, as cryptomem keygen writes it; without this setting, the one that CRYPTOMEM_KEY_FILE names. It is read again when it changes, so that a rotation needs no restart.",
		bind: func(c *Proxy) Value { return optionalFile(&c.KeyFile) },
	},
	{
		Name: "namespace", Default: AutoNamespace,
		Doc:  "Namespace of database 0. That of database n is the same with /n behind it. auto is the namespace that the key file was derived for, and default where it holds root keys.",
		bind: func(c *Proxy) Value { return text(&c.Namespace, "a name") },
	},
	{
		Name: "blind_names", Default: "false",
		Doc:  "Whether the upstream sees names as hashes only. SCAN, KEYS and DBSIZE are refused then.",
		bind: func(c *Proxy) Value { return toggle(&c.BlindNames) },
	},
	{
		Name: "padding", Default: "false",
		Doc:  "Whether values are padded, so that their sizes tell less.",
		bind: func(c *Proxy) Value { return toggle(&c.Padding) },
	},
	{
		Name: "freshness", Default: "true",
		Doc:  "Whether the proxy remembers what the upstream has shown, to notice when that is taken back: such a value is as if it were not there. Switch it off only where the upstream answers from replicas that lag behind.",
		bind: func(c *Proxy) Value { return toggle(&c.Freshness) },
	},
	{
		Name: "clock_bound", Default: "5s",
		Doc:  "By how much any two clocks of those who share values may differ. What was sealed further ahead is refused, and a cut comes into force this much later.",
		bind: func(c *Proxy) Value { return duration(&c.ClockBound, time.Millisecond, time.Hour) },
	},
	{
		Name: "write_delay", Default: "55s",
		Doc:  "How long a write may take until the upstream applies it. What was sealed longer than this and clock_bound before what is known of its name is refused.",
		bind: func(c *Proxy) Value { return duration(&c.WriteDelay, time.Millisecond, quantity.Day) },
	},
	{
		Name: "not_before", Default: "none", Reload: true,
		Doc:  "A cut: what was sealed before this time, or does not say when, is as if it were not there. It is in force once the clock is past it by clock_bound. A cut in the key file counts as well, and the later of the two decides.",
		bind: func(c *Proxy) Value { return moment(&c.NotBefore) },
	},
	{
		Name: "envelope_version", Default: EnvelopeStamped,
		Doc:  "Version of what is written: 0xC2 says when it was sealed, and 0xC1 is for readers that know no other. Both are read.",
		bind: func(c *Proxy) Value { return choice(&c.EnvelopeVersion, EnvelopeStamped, EnvelopeUnstamped) },
	},
	{
		Name: "stamped_only", Default: "false",
		Doc:  "Whether values of version 0xC1 are refused: for when the last writer of such is gone, and what it wrote has expired.",
		bind: func(c *Proxy) Value { return toggle(&c.StampedOnly) },
	},
	{
		Name: "databases", Default: "16",
		Doc:  "How many databases SELECT knows.",
		bind: func(c *Proxy) Value { return count(&c.Databases, 1, 16) },
	},
	{
		Name: "default_ttl", Default: "0",
		Doc:  "TTL of a value that is stored without one, for programs that never set any; 0 keeps it until it is deleted or evicted.",
		bind: func(c *Proxy) Value { return duration(&c.DefaultTTL, 0, math.MaxInt64) },
	},
	{
		Name: "max_value_size", Default: "1MiB",
		Doc:  "Longest value. Sealed it is 64 bytes longer, which the upstream has to take: its max_value_size is to be larger.",
		bind: func(c *Proxy) Value { return size(&c.MaxValueSize, 1<<10, 512*mib) },
	},
	{
		Name: "max_collection", Default: "1024",
		Doc:  "Most members that a hash, sorted set, set or list may have: each is one sealed value, written anew with every change.",
		bind: func(c *Proxy) Value { return count(&c.MaxCollection, 1, 1<<20) },
	},
	{
		Name: "max_collection_size", Default: "64KiB",
		Doc:  "Largest hash, sorted set, set or list.",
		bind: func(c *Proxy) Value { return size(&c.MaxCollectionSize, 1<<8, 64*mib) },
	},
	{
		Name: "touch_slack", Default: "0",
		Doc:  "Share of a value's life, in percent, by which EXPIRE may lengthen it without a write: session stores touch at every request. 10 means that a session of an hour is written once in six minutes.",
		bind: func(c *Proxy) Value { return count(&c.TouchSlack, 0, 50) },
	},
	{
		Name: "empty_scans", Default: "false",
		Doc:  "Whether SCAN and KEYS answer nothing, instead of an error, where names are blind.",
		bind: func(c *Proxy) Value { return toggle(&c.EmptyScans) },
	},
	{
		Name: "flushall", Default: "false",
		Doc:  "Whether FLUSHALL, which empties all databases, is allowed. FLUSHDB always is; the upstream has to allow it, too.",
		bind: func(c *Proxy) Value { return toggle(&c.FlushAll) },
	},
	{
		Name: "strict_transactions", Default: "false",
		Doc:  "Whether EXEC refuses a transaction that changes several names one after the other, because others could see one change without the next. What the upstream changes in one step is not refused.",
		bind: func(c *Proxy) Value { return toggle(&c.StrictTransactions) },
	},
	{
		Name: "script_steps", Default: "5000000",
		Doc:  "Instructions after which a script is ended.",
		bind: func(c *Proxy) Value { return count(&c.ScriptSteps, 1_000, math.MaxInt32) },
	},
	{
		Name: "script_memory", Default: "128MiB",
		Doc:  "Memory that one run of a script may ask for in all, given back or not.",
		bind: func(c *Proxy) Value { return size(&c.ScriptMemory, mib, gib) },
	},
	{
		Name: "max_in_flight", Default: "256MiB",
		Doc:  "Memory that all connections together may hold of commands that have not arrived whole, of transactions, and of answers that are not read; what is below 16KiB does not count. A command beyond it is refused, and a client whose answer does not fit is disconnected.",
		bind: func(c *Proxy) Value { return size(&c.MaxInFlight, mib, 1<<40) },
	},
	{
		Name: "max_connections", Default: "10000", Reload: true,
		Doc:  "Connections open at once. One more is told so, as Redis does.",
		bind: func(c *Proxy) Value { return count(&c.MaxConnections, 1, 1_000_000) },
	},
	{
		Name: "command_timeout", Default: "30s", Reload: true,
		Doc:  "Time for a command to arrive whole once its first byte has.",
		bind: func(c *Proxy) Value { return timeout(&c.CommandTimeout) },
	},
	{
		Name: "write_timeout", Default: "30s", Reload: true,
		Doc:  "Time for a client to take answers that are waiting for it.",
		bind: func(c *Proxy) Value { return timeout(&c.WriteTimeout) },
	},
	{
		Name: "idle_timeout", Default: "none", Reload: true,
		Doc:  "Time that a connection may stay silent between commands; none sets no bound, as Redis does.",
		bind: func(c *Proxy) Value { return idleTimeout(&c.IdleTimeout) },
	},
	{
		Name: "auth_timeout", Default: "10s", Reload: true,
		Doc:  "Time for a client to give the password where it has to.",
		bind: func(c *Proxy) Value { return timeout(&c.AuthTimeout) },
	},
	{
		Name: "shutdown_timeout", Default: "10s", Reload: true,
		Doc:  "Time for open connections to have their commands answered after SIGTERM or SIGINT; then they are cut.",
		bind: func(c *Proxy) Value { return duration(&c.ShutdownTimeout, 0, quantity.Day) },
	},
	{
		Name: "admin", Default: "none",
		Doc:  "Where health checks, metrics and a page to look at are served over HTTP. It asks for no password: keep it on loopback.",
		bind: func(c *Proxy) Value { return optionalAddress(&c.Admin) },
	},
	{
		Name: "admin_pprof", Default: "false",
		Doc:  "Whether the admin address also serves Go's profiles, under /debug/pprof/.",
		bind: func(c *Proxy) Value { return toggle(&c.AdminPprof) },
	},
	{
		Name: "log_format", Default: "text",
		Doc:  "Form of the log lines on standard error.",
		bind: func(c *Proxy) Value { return choice(&c.LogFormat, "text", "json") },
	},
	{
		Name: "log_level", Default: "info", Reload: true,
		Doc:  "Least severe kind of log line that is written.",
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
