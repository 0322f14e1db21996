package proxy

import (
	"log/slog"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/script"
)

// DefaultDatabases is how many databases SELECT knows.
const DefaultDatabases = 16

// Settings say how sessions answer. Space, Clock and Random must be set.
type Settings struct {
	// Space returns the names of a database, 0 and up.
	Space func(database int) (*keyspace.Space, error)
	// 0 means DefaultDatabases.
	Databases int

	Clock clock.Clock
	// Random in [0, n).
	Random func(n int) int
	// Nil discards.
	Logger *slog.Logger

	// What commands may make of values.
	Commands command.Limits
	// What one command may be.
	Requests resp.Limits
	// Bytes that all sessions together may hold of commands and answers on their way,
	// what is below 16 KiB aside. 0 means DefaultMaxInFlight.
	MaxInFlight int64
	// What scripts may take.
	Scripts script.Limits

	// Empty: none is asked for.
	Password string

	// EmptyScans has SCAN and KEYS answer nothing, instead of an error, where
	// names are blind: some clients lose step after an error.
	EmptyScans bool
	// AllowFlushAll turns FLUSHALL on.
	AllowFlushAll bool
	// StrictTransactions refuses EXEC of commands that change several names, unless
	// the upstream can change them together: for programs that rely on
	// all of them becoming visible at once.
	StrictTransactions bool
}
