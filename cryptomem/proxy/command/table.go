package command

import (
	"bytes"
	"slices"
	"strings"
)

// Flags say what a command is like.
type Flags uint8

// The flags, each with its name in the answer to COMMAND.
const (
	Write    Flags = 1 << iota // may change what is stored
	ReadOnly                   // looks at what is stored
	Fast                       // takes little however large the values are
	NoScript                   // refused in scripts
	NoMulti                    // refused between MULTI and EXEC
	NoAuth                     // allowed before the password is given
	Blind                      // as a rule needs not read what it replaces
)

// A Group is a chapter of the command table.
type Group string

// The groups.
const (
	Strings     Group = "Strings"
	Keys        Group = "Keys"
	Hashes      Group = "Hashes"
	SortedSets  Group = "Sorted sets"
	Sets        Group = "Sets"
	Lists       Group = "Lists"
	Connection  Group = "Connection"
	Server      Group = "Server"
	Transaction Group = "Transactions"
	Scripting   Group = "Scripts"
)

// A Command is one that the proxy speaks.
type Command struct {
	// Name in lower case; "client|id" for a subcommand.
	Name  string
	Group Group
	// Arity of arguments, the name included; at least -Arity if negative.
	Arity int
	Flags Flags

	// FirstKey, LastKey and KeyStep say which arguments are names, as in the
	// answer to COMMAND. FirstKey is 0 if there are none, or if that depends on
	// the other arguments.
	FirstKey, LastKey, KeyStep int

	// Run carries the command out. It is nil if a session does that.
	Run func(*Context)

	// Differs says what is not as in Redis, for the documentation; empty if
	// nothing is.
	Differs string

	// Subcommands are those of a command that only has subcommands.
	Subcommands []Command

	// Index is the command's own, below Kinds, for those who count; subcommands
	// have that of their command. It is set when the table is made.
	Index int
}

// Kinds is more than the commands there are.
const Kinds = 256

// Table has all commands by name.
var Table = makeTable()

func makeTable() map[string]*Command {
	table := make(map[string]*Command)
	for _, list := range [][]Command{
		stringCommands, keyCommands, expiryCommands, hashCommands, sortedSetCommands,
		sortedSetRangeCommands, setCommands, listCommands, sessionCommands,
	} {
		for i := range list {
			c := &list[i]
			c.Index = len(table)
			for j := range c.Subcommands {
				c.Subcommands[j].Index = c.Index
			}
			table[c.Name] = c
		}
	}
	return table
}

// All returns all commands in the order of the documentation.
func All() []*Command {
	all := make([]*Command, 0, len(Table))
	for _, c := range Table {
		all = append(all, c)
	}
	order := []Group{Strings, Keys, Hashes, SortedSets, Sets, Lists, Transaction, Scripting, Connection, Server}
	slices.SortFunc(all, func(a, b *Command) int {
		if a.Group != b.Group {
			return slices.Index(order, a.Group) - slices.Index(order, b.Group)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
}

// longestName is that of the longest command, with room to spare.
const longestName = 24

// Find returns the command of the given name in any case, or nil.
func Find(name []byte) *Command {
	if len(name) > longestName {
		return nil
	}
	var lower [longestName]byte
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	return Table[string(lower[:len(name)])]
}

// Sub returns the subcommand of the given name in any case, or nil.
func (c *Command) Sub(name []byte) *Command {
	for i := range c.Subcommands {
		s := &c.Subcommands[i]
		if bytes.EqualFold(name, []byte(s.Name[len(c.Name)+1:])) {
			return s
		}
	}
	return nil
}

// Takes reports whether the command may have n arguments, its name included.
func (c *Command) Takes(n int) bool {
	if c.Arity < 0 {
		return n >= -c.Arity
	}
	return n == c.Arity
}

// AppendKeys appends which of n arguments, the command's name included, are
// names. It is for commands with a FirstKey.
func (c *Command) AppendKeys(dst []int, n int) []int {
	if c.FirstKey == 0 {
		return dst
	}
	last := c.LastKey
	if last < 0 {
		last += n
	}
	for i := c.FirstKey; i <= last && i < n; i += c.KeyStep {
		dst = append(dst, i)
	}
	return dst
}

// OneKey reports whether the command is about exactly one name, its first
// argument.
func (c *Command) OneKey() bool { return c.FirstKey == 1 && c.LastKey == 1 }
