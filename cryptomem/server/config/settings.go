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
		Name: "addr", Default: "localhost:8080",
		Doc:  "Where the server listens. Several addresses are separated by commas; localhost is both 127.0.0.1 and ::1. The client commands of this binary connect where CRYPTOMEM_SERVER says, and without that to the first address in CRYPTOMEM_ADDR.",
		bind: func(c *Config) Value { return addresses(&c.Addr) },
	},
	{
		Name: "unix_mode", Default: "0600",
		Doc:  "Who may connect to the Unix sockets among the addresses, as a file mode. The one of admin, which asks for no password, is for the owner and the group at most.",
		bind: func(c *Config) Value { return mode(&c.UnixMode) },
	},
	{
		Name: "tls_addr", Default: "none",
		Doc:  "Where the server listens for TLS. None, with tls_cert set, means that addr itself speaks TLS.",
		bind: func(c *Config) Value { return optionalAddresses(&c.TLSAddr) },
	},
	{
		Name: "tls_cert", Default: "none",
		Doc:  "PEM file with the server's certificate chain; it makes the server speak TLS 1.3, and is read again when it changes.",
		bind: func(c *Config) Value { return optionalFile(&c.TLSCert) },
	},
	{
		Name: "tls_key", Default: "none",
		Doc:  "PEM file with the private key of tls_cert.",
		bind: func(c *Config) Value { return optionalFile(&c.TLSKey) },
	},
	{
		Name: "tls_client_ca", Default: "none",
		Doc:  "PEM file with the authorities whose client certificates are accepted. Set, it makes clients show one.",
		bind: func(c *Config) Value { return optionalFile(&c.TLSClientCA) },
	},
	{
		Name: "tls_client_cert", Default: "required",
		Doc:  "Whether a client must show a certificate of tls_client_ca, or may authenticate with a token instead.",
		bind: func(c *Config) Value { return choice(&c.TLSClientCert, "required", "optional") },
	},
	{
		Name: "identities", Default: "none",
		Doc:  "File with the identities that may use the server, their hashed tokens and their rights; it is read again when it changes. None lets everybody do everything.",
		bind: func(c *Config) Value { return optionalFile(&c.Identities) },
	},
	{
		Name: "allow_unauthenticated", Default: "false",
		Doc:  "Whether the server may listen off loopback for clients that it does not authenticate.",
		bind: func(c *Config) Value { return toggle(&c.AllowUnauthenticated) },
	},
	{
		Name: "max_memory", Default: "auto",
		Doc:  "Bound on everything that the store holds: keys, values, and the index over them. Auto is 75% of the memory that the machine, or the control group, gives the server.",
		bind: func(c *Config) Value { return automatic(&c.MaxMemory, size(&c.MaxMemory, mib, 1<<40)) },
	},
	{
		Name: "max_value_size", Default: "1MiB",
		Doc:  "Longest value that a request may carry, as sealed. A longer one is answered with an error and never buffered. It is at most half of max_memory, and of max_in_flight.",
		bind: func(c *Config) Value { return size(&c.MaxValueSize, 1, gib) },
	},
	{
		Name: "eviction", Default: "s3fifo",
		Doc:  "What a full store does: s3fifo makes room by dropping what is seldom read; none refuses the write.",
		bind: func(c *Config) Value { return choice(&c.Eviction, "s3fifo", "none") },
	},
	{
		Name: "default_ttl", Default: "0",
		Doc:  "TTL of an item that is stored without one; 0 keeps it until it is deleted or evicted.",
		bind: func(c *Config) Value { return duration(&c.DefaultTTL, 0, math.MaxInt64) },
	},
	{
		Name: "flush", Default: "false",
		Doc:  "Whether the FLUSH command, which removes many items at once, is allowed.",
		bind: func(c *Config) Value { return toggle(&c.Flush) },
	},
	{
		Name: "scan", Default: "true",
		Doc:  "Whether the SCAN command, which lists names, is allowed. An identity is told only names that it may read, and its entry can withhold the right.",
		bind: func(c *Config) Value { return toggle(&c.Scan) },
	},
	{
		Name: "max_connections", Default: "16384", Reload: true,
		Doc:  "Connections open at once. One more is answered busy and closed; of those that come together, 64 at a time are told, and the others closed without an answer.",
		bind: func(c *Config) Value { return count(&c.MaxConnections, 1, 1_000_000) },
	},
	{
		Name: "max_connections_per_address", Default: "12288", Reload: true,
		Doc: "Connections open at once from one IPv4 address or IPv6 /64 network, so that one host cannot take all; none sets no such bound. Connections over a Unix socket have no address and are only counted among all.",
		bind: func(c *Config) Value {
			return unlimited(&c.MaxConnectionsPerAddress, count(&c.MaxConnectionsPerAddress, 1, 1_000_000))
		},
	},
	{
		Name: "max_in_flight", Default: "256MiB", Reload: true,
		Doc:  "Memory for requests that have not arrived whole, and answers that have not been read, over all connections, beside max_memory. What does not fit is answered busy. The connections from one address, and those of one identity, have three quarters of it at most.",
		bind: func(c *Config) Value { return size(&c.MaxInFlight, mib, 1<<40) },
	},
	{
		Name: "frame_timeout", Default: "30s", Reload: true,
		Doc:  "Time for a request to arrive whole once its first byte has.",
		bind: func(c *Config) Value { return timeout(&c.FrameTimeout) },
	},
	{
		Name: "write_timeout", Default: "30s", Reload: true,
		Doc:  "Time for a client to take answers that are waiting for it.",
		bind: func(c *Config) Value { return timeout(&c.WriteTimeout) },
	},
	{
		Name: "idle_timeout", Default: "10m", Reload: true,
		Doc:  "Time that a connection may stay silent between requests; none sets no bound.",
		bind: func(c *Config) Value { return idleTimeout(&c.IdleTimeout) },
	},
	{
		Name: "auth_timeout", Default: "10s", Reload: true,
		Doc:  "Time for a client to authenticate where it has to.",
		bind: func(c *Config) Value { return timeout(&c.AuthTimeout) },
	},
	{
		Name: "shutdown_timeout", Default: "10s", Reload: true,
		Doc:  "Time for open connections to have their requests answered after SIGTERM or SIGINT; then they are cut.",
		bind: func(c *Config) Value { return duration(&c.ShutdownTimeout, 0, quantity.Day) },
	},
	{
		Name: "admin", Default: "none",
		Doc:  "Where health checks, metrics and a page to look at are served over HTTP. It asks for no password: keep it on loopback, or where only those who may see it can reach it.",
		bind: func(c *Config) Value { return optionalAddress(&c.Admin) },
	},
	{
		Name: "admin_pprof", Default: "false",
		Doc:  "Whether the admin address also serves Go's profiles, under /debug/pprof/. They cost time while they are taken.",
		bind: func(c *Config) Value { return toggle(&c.AdminPprof) },
	},
	{
		Name: "record_keys", Default: "false",
		Doc:  "Whether statistics and the admin page tell the keys of the slowest and largest requests. Keys may say who did what.",
		bind: func(c *Config) Value { return toggle(&c.RecordKeys) },
	},
	{
		Name: "snapshot", Default: "none",
		Doc:  "File that keeps a copy of the store over restarts, values as sealed as they came. It is loaded on start and saved at the end.",
		bind: func(c *Config) Value { return optionalFile(&c.Snapshot) },
	},
	{
		Name: "snapshot_interval", Default: "5m",
		Doc:  "Time between two saves of the snapshot, so that a crash loses no more than this; 0 saves only at the end.",
		bind: func(c *Config) Value { return duration(&c.SnapshotInterval, 0, 365*quantity.Day) },
	},
	{
		Name: "log_format", Default: "text",
		Doc:  "Form of the log lines on standard error.",
		bind: func(c *Config) Value { return choice(&c.LogFormat, "text", "json") },
	},
	{
		Name: "log_level", Default: "info", Reload: true,
		Doc:  "Least severe kind of log line that is written.",
		bind: func(c *Config) Value { return level(&c.LogLevel) },
	},
}
