package wire

import "strconv"

// A Command says what a request wants done.
type Command uint8

// The commands of the protocol; those from Ping on are extensions, which an
// older server answers with an error and stays in step.
const (
	Set     Command = 1
	Get     Command = 2
	Delete  Command = 3
	Ping    Command = 4
	Add     Command = 5
	Replace Command = 6
	Touch   Command = 7
	GetV    Command = 8
	CAS     Command = 9
	GetDel  Command = 10
	Stats   Command = 11
	Flush   Command = 12
	Auth    Command = 13
	Scan    Command = 14
)

// Traits say what a command's request carries and what it does. All code that
// distinguishes commands uses them, so that a new command is described
// in one place.
type Traits uint16

// The traits of commands.
const (
	OmitsKey     Traits = 1 << iota // the key may be empty
	TakesValue                      // the request may carry a value
	TakesTTL                        // the TTL counts; without it, it is ignored
	TakesVersion                    // the value begins with a version of VersionSize bytes
	Reads                           // the answer depends on what is stored
	Writes                          // it may change what is stored
	Repeatable                      // doing it twice does no harm
	Slow                            // it may walk the whole store, or compute a password hash
)

// Stores is what SET and its kin have in common: a value is kept for a TTL.
const Stores = TakesValue | TakesTTL | Writes

// commands is the protocol's only table of commands, by number. Its answers are
// the statuses that are possible in addition to OK and Error.
var commands = [...]struct {
	name    string
	traits  Traits
	answers []Status
}{
	Set:     {"SET", Stores, nil},
	Get:     {"GET", Reads | Repeatable, []Status{NotFound}},
	Delete:  {"DELETE", Writes | Repeatable, []Status{NotFound}},
	Ping:    {"PING", OmitsKey | TakesValue | Repeatable, []Status{Denied, Busy}},
	Add:     {"ADD", Stores, []Status{Exists, Denied, Busy}},
	Replace: {"REPLACE", Stores, []Status{NotFound, Denied, Busy}},
	Touch:   {"TOUCH", TakesTTL | Writes, []Status{NotFound, Denied, Busy}},
	GetV:    {"GETV", Reads | Repeatable, []Status{NotFound, Denied, Busy}},
	CAS:     {"CAS", Stores | TakesVersion, []Status{NotFound, Exists, Denied, Busy}},
	GetDel:  {"GETDEL", Reads | Writes, []Status{NotFound, Denied, Busy}},
	Stats:   {"STATS", OmitsKey | Repeatable | Slow, []Status{Denied, Busy}},
	Flush:   {"FLUSH", OmitsKey | Writes | Slow, []Status{Denied, Busy}},
	Auth:    {"AUTH", TakesValue | Slow, []Status{Denied, Busy}},
	Scan:    {"SCAN", OmitsKey | TakesValue | Reads | Repeatable, []Status{Denied, Busy}},
}

// CommandKinds is how many entries a table indexed by Command needs; index 0 is
// for commands that are unknown.
const CommandKinds = len(commands)

// possible has a bit for each status that may answer a command.
var possible = func() (bits [CommandKinds]uint16) {
	for c, row := range commands {
		bits[c] = 1<<OK | 1<<Error
		for _, s := range row.answers {
			bits[c] |= 1 << s
		}
	}
	return bits
}()

// Commands returns the commands of the protocol in the order of their numbers.
func Commands() []Command {
	all := make([]Command, 0, CommandKinds-1)
	for c := 1; c < CommandKinds; c++ {
		all = append(all, Command(c))
	}
	return all
}

// Known reports whether the protocol has the command.
func (c Command) Known() bool { return c > 0 && int(c) < CommandKinds }

// Has reports whether the command has all of the traits. One that is unknown
// has none.
func (c Command) Has(t Traits) bool { return c.Known() && commands[c].traits&t == t }

// MayAnswer reports whether s can answer the command at all. If not, requests and
// answers are out of step.
func (c Command) MayAnswer(s Status) bool {
	return c.Known() && int(s) < StatusKinds && possible[c]&(1<<s) != 0
}

// String returns the command's name as the documentation writes it.
func (c Command) String() string {
	if c.Known() {
		return commands[c].name
	}
	return "command " + strconv.Itoa(int(c))
}
