package proxy

import (
	"log/slog"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/script"
)

// DefaultDatabases is the number of databases that SELECT accepts.
const DefaultDatabases = 16

// Settings say how sessions answer. Space, Clock and Random must be set.
type Settings struct {
	// Space returns the names of a database, 0 and up.
	Space func(database int) (*keyspace.Space, error)
	// Databases is how many there are; 0 means DefaultDatabases.
	Databases int

	Clock clock.Clock
	// Random in [0, n).
	Random func(n int) int
	// Logger may be nil, for no log.
	Logger *slog.Logger

	// Limits of the values that commands make.
	Commands command.Limits
	// Limits of a single command.
	Requests resp.Limits
	// Bytes that all sessions together may hold of incomplete commands and unsent
	// answers, beyond 16 KiB for each session. 0 means DefaultMaxInFlight.
	MaxInFlight int64
	// Limits of scripts.
	Scripts script.Limits

	// Password that clients must give; empty for none.
	Password string

	// EmptyScans makes SCAN and KEYS return nothing instead of an error if names are
	// blind, because some clients cannot handle the error.
	EmptyScans bool
	// AllowFlushAll turns FLUSHALL on.
	AllowFlushAll bool
	// StrictTransactions refuses EXEC of commands that change several names, unless
	// the upstream can change them together: for programs that rely on
	// all of them becoming visible at once.
	StrictTransactions bool
}
