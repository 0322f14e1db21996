// Package config decides how a cryptomem server is set up.
//
// A setting has one name and four places it may come from; a later place
// overrules an earlier one:
//
//	defaults  <  config.yaml or --config FILE  <  CRYPTOMEM_MAX_MEMORY  <  --max-memory
//
// All settings are rows of one table ([Settings]). File keys, environment
// variables, flags, `cryptomem config` and the configuration reference are
// derived from it, so that none of them can disagree with another.
//
// A configuration is taken whole or not at all: [Load] reports every unknown
// key and every bad value at once, each with the place it stands at and what
// is allowed there.
package config

import (
	"cmp"
	"io/fs"
	"log/slog"
	"time"
)

// Config is a server's effective configuration. Sizes are in bytes.
type Config struct {
	Addr                 []string
	UnixMode             fs.FileMode
	TLSAddr              []string
	TLSCert              string
	TLSKey               string
	TLSClientCA          string
	TLSClientCert        string
	Identities           string
	AllowUnauthenticated bool
	// 0 is auto.
	MaxMemory                int64
	MaxValueSize             int64
	Eviction                 string
	DefaultTTL               time.Duration
	Flush                    bool
	Scan                     bool
	MaxConnections           int
	MaxConnectionsPerAddress int
	MaxInFlight              int64
	FrameTimeout             time.Duration
	WriteTimeout             time.Duration
	IdleTimeout              time.Duration
	AuthTimeout              time.Duration
	ShutdownTimeout          time.Duration
	// Admin is an address, empty for none.
	Admin      string
	AdminPprof bool
	RecordKeys bool
	// Snapshot is the path of a file, empty for none.
	Snapshot         string
	SnapshotInterval time.Duration
	LogFormat        string
	LogLevel         slog.Level
	origins          map[string]string
	read             string
}

// table is what makes the settings a configuration.
var table = schema[Config]{
	settings: settings, file: FileName,
	origins:   func(c *Config) map[string]string { return c.origins },
	read:      func(c *Config) *string { return &c.read },
	relations: relations,
}

// Default returns the configuration of a server that was told nothing.
func Default() *Config {
	c := &Config{origins: make(map[string]string, len(settings))}
	table.setDefaults(c)
	return c
}

// Load joins the defaults and all sources into one configuration. Its error is
// Problems if values are wrong, or says why the file could not be read.
func Load(src Sources) (*Config, error) {
	c := Default()
	if err := table.load(c, src); err != nil {
		return nil, err
	}
	return c, nil
}

// Origin says where the value of the named setting came from: "default",
// "config.yaml:3", "environment CRYPTOMEM_ADDR" or "flag --addr".
func (c *Config) Origin(name string) string { return c.origins[name] }

// File returns the name of the file that was read, "none" if there was none.
func (c *Config) File() string { return cmp.Or(c.read, "none") }

// Changes returns what is different in next.
func (c *Config) Changes(next *Config) []Change { return table.changes(c, next) }

// Reload takes over what next sets differently and can change while a server
// runs. Where that does not go with what cannot change, the error is Problems, and
// nothing is taken.
func (c *Config) Reload(next *Config) error { return table.reload(c, next) }

// Value returns the setting's value in c as it is written in the environment or
// as a flag.
func (c *Config) Value(s Setting) string { return s.Value(c) }

// FileValue returns the setting's value in c as it is written in a file.
func (c *Config) FileValue(s Setting) string { return s.FileValue(c) }

// TLSOnly reports whether the addresses in Addr speak TLS.
func (c *Config) TLSOnly() bool { return c.TLSCert != "" && len(c.TLSAddr) == 0 }

// Authenticates reports whether every client has to prove who it is, over TLS or
// without.
func (c *Config) Authenticates(tls bool) bool {
	return c.Identities != "" || tls && c.TLSClientCA != "" && c.TLSClientCert == "required"
}
