package config

import (
	"math"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
)

// Settings lists every setting in the order in which people read about them.
func Settings() []Setting { return settings }

const (
	mib = 1 << 20
	gib = 1 << 30
)

var settings = []Setting{
	{
		Group: "Addresses and TLS",
		Name:  "addr", Default: "localhost:8080",
		Doc:  "Where the server listens: one address, or several separated by commas. The name localhost means both 127.0.0.1 and ::1. The client commands of this binary connect to CRYPTOMEM_SERVER, or else to the first address in CRYPTOMEM_ADDR.",
		bind: func(c *Config) Value { return addresses(&c.Addr) },
	},
	{
		Name: "unix_mode", Default: "0600",
		Doc:  "Who may connect to the Unix sockets among the addresses, as a file mode. The socket of admin, which has no password, is never open to more than the owner and the group.",
		bind: func(c *Config) Value { return mode(&c.UnixMode) },
	},
	{
		Name: "tls_addr", Default: "none",
		Doc:  "Where the server listens for TLS, in addition to addr. If this is none and tls_cert is set, addr itself speaks TLS.",
		bind: func(c *Config) Value { return optionalAddresses(&c.TLSAddr) },
	},
	{
		Name: "tls_cert", Default: "none",
		Doc:  "PEM file with the server's certificate chain. With it, the server speaks TLS 1.3. The file is read again when it changes.",
		bind: func(c *Config) Value { return optionalFile(&c.TLSCert) },
	},
	{
		Name: "tls_key", Default: "none",
		Doc:  "PEM file with the private key of tls_cert.",
		bind: func(c *Config) Value { return optionalFile(&c.TLSKey) },
	},
	{
		Name: "tls_client_ca", Default: "none",
		Doc:  "PEM file with the authorities whose client certificates are accepted. With it, clients must show a certificate.",
		bind: func(c *Config) Value { return optionalFile(&c.TLSClientCA) },
	},
	{
		Name: "tls_client_cert", Default: "required",
		Doc:  "With required, every client must show a certificate of tls_client_ca. With optional, it may authenticate with a token instead.",
		bind: func(c *Config) Value { return choice(&c.TLSClientCert, "required", "optional") },
	},
	{
		Group: "Access",
		Name:  "identities", Default: "none",
		Doc:  "File with the identities that may use the server, their hashed tokens and their rights. The file is read again when it changes. Without it, every client may do everything.",
		bind: func(c *Config) Value { return optionalFile(&c.Identities) },
	},
	{
		Name: "allow_unauthenticated", Default: "false",
		Doc:  "Allow other machines to connect without authenticating. Otherwise the server refuses to start with such a configuration.",
		bind: func(c *Config) Value { return toggle(&c.AllowUnauthenticated) },
	},
	{
		Group: "Storage",
		Name:  "max_memory", Default: "auto",
		Doc:  "Limit on everything that the store holds: keys, values and their index. With auto, 75% of the memory that the machine, or the control group, gives the server.",
		bind: func(c *Config) Value { return automatic(&c.MaxMemory, size(&c.MaxMemory, mib, 1<<40)) },
	},
	{
		Name: "max_value_size", Default: "1MiB",
		Doc:  "Largest value in a request, as sealed. A larger one is answered with an error and never buffered. At most half of max_memory and half of max_in_flight.",
		bind: func(c *Config) Value { return size(&c.MaxValueSize, 1, gib) },
	},
	{
		Name: "eviction", Default: "s3fifo",
		Doc:  "What a full store does: s3fifo evicts what is seldom read; none refuses the write.",
		bind: func(c *Config) Value { return choice(&c.Eviction, "s3fifo", "none") },
	},
	{
		Name: "default_ttl", Default: "0",
		Doc:  "TTL of an item that is stored without one. 0 keeps it until it is deleted or evicted.",
		bind: func(c *Config) Value { return duration(&c.DefaultTTL, 0, math.MaxInt64) },
	},
	{
		Name: "flush", Default: "false",
		Doc:  "Allow the FLUSH command, which removes many items at once.",
		bind: func(c *Config) Value { return toggle(&c.Flush) },
	},
	{
		Name: "scan", Default: "true",
		Doc:  "Allow the SCAN command, which lists names. An identity sees only names that it may read, and its entry can withhold the right.",
		bind: func(c *Config) Value { return toggle(&c.Scan) },
	},
	{
		Group: "Connections and timeouts",
		Name:  "max_connections", Default: "16384", Reload: true,
		Doc:  "Connections open at once. Further ones are answered busy and closed. If many arrive together, 64 at a time get an answer, and the others are only closed.",
		bind: func(c *Config) Value { return count(&c.MaxConnections, 1, 1_000_000) },
	},
	{
		Name: "max_connections_per_address", Default: "12288", Reload: true,
		Doc: "Connections open at once from one IPv4 address or IPv6 /64 network, so that one host cannot use all of them. With none there is no limit. Connections over a Unix socket count only towards max_connections.",
		bind: func(c *Config) Value {
			return unlimited(&c.MaxConnectionsPerAddress, count(&c.MaxConnectionsPerAddress, 1, 1_000_000))
		},
	},
	{
		Name: "max_in_flight", Default: "256MiB", Reload: true,
		Doc:  "Memory for incomplete requests and unread answers of all connections, in addition to max_memory. What does not fit is answered busy. The connections of one address, and those of one identity, get at most three quarters of it.",
		bind: func(c *Config) Value { return size(&c.MaxInFlight, mib, 1<<40) },
	},
	{
		Name: "frame_timeout", Default: "30s", Reload: true,
		Doc:  "Time for a request to arrive completely after its first byte.",
		bind: func(c *Config) Value { return timeout(&c.FrameTimeout) },
	},
	{
		Name: "write_timeout", Default: "30s", Reload: true,
		Doc:  "Time for a client to read answers that are waiting for it.",
		bind: func(c *Config) Value { return timeout(&c.WriteTimeout) },
	},
	{
		Name: "idle_timeout", Default: "10m", Reload: true,
		Doc:  "How long a connection may be silent between requests. With none there is no limit.",
		bind: func(c *Config) Value { return idleTimeout(&c.IdleTimeout) },
	},
	{
		Name: "auth_timeout", Default: "10s", Reload: true,
		Doc:  "Time for a client to authenticate, if it has to.",
		bind: func(c *Config) Value { return timeout(&c.AuthTimeout) },
	},
	{
		Name: "shutdown_timeout", Default: "10s", Reload: true,
		Doc:  "Time to answer the requests of open connections after SIGTERM or SIGINT. Then they are cut.",
		bind: func(c *Config) Value { return duration(&c.ShutdownTimeout, 0, quantity.Day) },
	},
	{
		Group: "Admin page and metrics",
		Name:  "admin", Default: "none",
		Doc:  "Where health checks, metrics and the admin page are served over HTTP. There is no password: keep it on loopback, or in a network that only operators can reach.",
		bind: func(c *Config) Value { return optionalAddress(&c.Admin) },
	},
	{
		Name: "admin_pprof", Default: "false",
		Doc:  "Also serve Go profiles at the admin address, under /debug/pprof/. Taking a profile slows the server down.",
		bind: func(c *Config) Value { return toggle(&c.AdminPprof) },
	},
	{
		Name: "record_keys", Default: "false",
		Doc:  "Show the keys of the slowest and largest requests in statistics and on the admin page. Keys may reveal who did what.",
		bind: func(c *Config) Value { return toggle(&c.RecordKeys) },
	},
	{
		Group: "Snapshots",
		Name:  "snapshot", Default: "none",
		Doc:  "File that keeps the items over a restart; the values in it stay sealed. It is loaded at the start and saved at the end.",
		bind: func(c *Config) Value { return optionalFile(&c.Snapshot) },
	},
	{
		Name: "snapshot_interval", Default: "5m",
		Doc:  "Time between two saves of the snapshot; a crash loses no more than this. 0 saves only at the end.",
		bind: func(c *Config) Value { return duration(&c.SnapshotInterval, 0, 365*quantity.Day) },
	},
	{
		Group: "Logging",
		Name:  "log_format", Default: "text",
		Doc:  "Format of the log on standard error.",
		bind: func(c *Config) Value { return choice(&c.LogFormat, "text", "json") },
	},
	{
		Name: "log_level", Default: "info", Reload: true,
		Doc:  "Lowest level that is logged.",
		bind: func(c *Config) Value { return level(&c.LogLevel) },
	},
}
