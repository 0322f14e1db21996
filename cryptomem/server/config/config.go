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
	"io/fs"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Config is a server's effective configuration. Sizes are in bytes.
type Config struct {
	Addr                     []string
	UnixMode                 fs.FileMode
	TLSAddr                  []string
	TLSCert                  string
	TLSKey                   string
	TLSClientCA              string
	TLSClientCert            string
	Identities               string
	AllowUnauthenticated     bool
	MaxMemory                int64 // 0 is auto
	MaxValueSize             int64
	Eviction                 string
	DefaultTTL               time.Duration
	Flush                    bool
	MaxConnections           int
	MaxConnectionsPerAddress int
	MaxInFlight              int64
	FrameTimeout             time.Duration
	WriteTimeout             time.Duration
	IdleTimeout              time.Duration
	AuthTimeout              time.Duration
	ShutdownTimeout          time.Duration
	Admin                    string // an address, empty for none
	AdminPprof               bool
	RecordKeys               bool
	Snapshot                 string // a file, empty for none
	SnapshotInterval         time.Duration
	LogFormat                string
	LogLevel                 slog.Level
	origins                  map[string]string
}

// Default returns the configuration of a server that was told nothing.
func Default() *Config {
	c := &Config{origins: make(map[string]string, len(settings))}
	for _, s := range settings {
		if err := s.bind(c).Set(s.Default); err != nil {
			panic("default of " + s.Name + ": " + err.Error()) // unreachable: a spec loads the defaults
		}
		c.origins[s.Name] = "default"
	}
	return c
}

// Origin says where the value of the named setting came from: "default",
// "config.yaml:3", "environment CRYPTOMEM_ADDR" or "flag --addr".
func (c *Config) Origin(name string) string { return c.origins[name] }

// Value returns the setting's value in c as it is written in the environment or
// as a flag.
func (c *Config) Value(s Setting) string { return s.bind(c).String() }

// FileValue returns the setting's value in c as it is written in a file.
func (c *Config) FileValue(s Setting) string {
	text := c.Value(s)
	if strings.ContainsAny(text[:1], "[]{}*&!|>'\"%@`#-?:,") || strings.Contains(text, ": ") || strings.Contains(text, " #") {
		return strconv.Quote(text) // plain YAML would read it as something else
	}
	return text
}

// A Change is a setting that two configurations give different values.
type Change struct {
	Setting  Setting
	From, To string
}

// Changes returns what is different in next.
func (c *Config) Changes(next *Config) []Change {
	var changes []Change
	for _, s := range settings {
		if from, to := c.Value(s), next.Value(s); from != to {
			changes = append(changes, Change{s, from, to})
		}
	}
	return changes
}

// Reload takes over what next sets differently and can change while a server
// runs.
func (c *Config) Reload(next *Config) {
	for _, change := range c.Changes(next) {
		if change.Setting.Reload {
			_ = change.Setting.bind(c).Set(change.To) // next has it, so it is allowed
			c.origins[change.Setting.Name] = next.Origin(change.Setting.Name)
		}
	}
}

// TLSOnly reports whether the addresses in Addr speak TLS.
func (c *Config) TLSOnly() bool { return c.TLSCert != "" && len(c.TLSAddr) == 0 }

// Authenticates reports whether every client has to prove who it is, over TLS or
// without.
func (c *Config) Authenticates(tls bool) bool {
	return c.Identities != "" || tls && c.TLSClientCA != "" && c.TLSClientCert == "required"
}
