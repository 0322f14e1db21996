package command

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

// Defaults of Limits.
const (
	DefaultMaxMembers    = 1024
	DefaultMaxCollection = 64 << 10
	DefaultMaxString     = 16 << 20
)

// Limits bound what commands make of values. Zero fields mean the defaults.
type Limits struct {
	// Elements of a collection.
	MaxMembers int
	// Bytes of a collection, as it is sealed.
	MaxCollection int
	// Bytes of a string.
	MaxString int

	// TouchSlack is the share of a life, from now on, by which EXPIRE may lengthen
	// one and write nothing: with 0.1, what has 3,300 s left keeps them when it
	// is given 3,600.
	TouchSlack float64

	// DefaultTTL is that of what is stored without an expiry; 0 keeps it.
	DefaultTTL time.Duration
}

// WithDefaults returns the limits with zero fields filled in.
func (l Limits) WithDefaults() Limits {
	if l.MaxMembers == 0 {
		l.MaxMembers = DefaultMaxMembers
	}
	if l.MaxCollection == 0 {
		l.MaxCollection = DefaultMaxCollection
	}
	if l.MaxString == 0 {
		l.MaxString = DefaultMaxString
	}
	return l
}

// A Context is one run of a command.
type Context struct {
	Command *Command
	// The name first.
	Args [][]byte
	// Unix milliseconds; one for all commands of a script or transaction.
	Now     int64
	Version resp.Version
	Limits  Limits
	// Random in [0, n).
	Random func(n int) int

	// Entries are those under the names among Args, in their order. A name that
	// is there twice has one entry, twice.
	Entries []*value.Entry

	// Out gets the reply.
	Out []byte

	failed bool
}

// Errors that several commands answer.
const (
	errWrongType  = "WRONGTYPE Operation against a key holding the wrong kind of value"
	errSyntax     = "ERR syntax error"
	errNotInteger = "ERR value is not an integer or out of range"
	errNotFloat   = "ERR value is not a valid float"
	errOverflow   = "ERR increment or decrement would overflow"
	errNaN        = "ERR increment would produce NaN or Infinity"
	errNoKey      = "ERR no such key"
	errPositive   = "ERR value is out of range, must be positive"
	errTooLong    = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
)

// Execute runs the command. If that leaves a collection over the limits, nothing
// has changed but for the reply, which says so.
func (c *Context) Execute() {
	c.failed = false
	if c.Command.Flags&Write == 0 || len(c.Entries) != 1 {
		c.Command.Run(c)
		c.settle()
		return
	}
	e := c.Entries[0]
	if !c.mayExceed(e) {
		c.Command.Run(c)
		c.settle()
		return
	}
	before, start := value.Entry{Value: e.Clone(), Expires: e.Expires, Changed: e.Changed}, len(c.Out)
	c.Command.Run(c)
	if excess := c.excess(e); excess != "" {
		*e = before
		c.Out = c.Out[:start]
		c.fail("ERR value of '" + printableName(c.Args[c.Command.FirstKey]) + "' would have " + excess)
		return
	}
	c.settle()
}

// excess says of a changed collection what is over which limit, or nothing.
func (c *Context) excess(e *value.Entry) string {
	switch {
	case !e.Changed || e.Type == value.String:
		return ""
	case e.Len() > c.Limits.MaxMembers:
		return fmt.Sprintf("%d members, limit %d (max_collection)", e.Len(), c.Limits.MaxMembers)
	case e.Size() > c.Limits.MaxCollection:
		return fmt.Sprintf("%d bytes, limit %d (max_collection_size)", e.Size(), c.Limits.MaxCollection)
	}
	return ""
}

// mayExceed reports whether the arguments, as elements, could make the
// collection too large.
func (c *Context) mayExceed(e *value.Entry) bool {
	if e.Type == value.String {
		return false
	}
	bytes, members := 0, e.Len()+len(c.Args)
	for _, a := range c.Args {
		// an element's length, or a score
		bytes += len(a) + 16
	}
	return members > c.Limits.MaxMembers || bytes+e.Size()+16 > c.Limits.MaxCollection
}

// settle removes what has become empty or has expired already, and lets what would
// stay for good expire where there is a default TTL.
func (c *Context) settle() {
	for _, e := range c.Entries {
		if !e.Changed || e.Type == value.None {
			continue
		}
		if e.Expires != 0 && e.Expires <= c.Now || e.Type != value.String && e.Len() == 0 {
			e.Remove()
		} else if e.Expires == 0 && c.Limits.DefaultTTL > 0 {
			e.Expires = c.Now + c.Limits.DefaultTTL.Milliseconds()
		}
	}
}

// printableName returns a name as an error shows it.
func printableName(name []byte) string {
	const longest = 128
	if len(name) > longest {
		name = name[:longest]
	}
	quoted := strconv.Quote(string(name))
	return quoted[1 : len(quoted)-1]
}

// entry returns the entry of the first name.
func (c *Context) entry() *value.Entry { return c.Entries[0] }

// typed returns the entry of the first name. It has answered, and ok is false,
// if that is of another type; nothing is of every type.
func (c *Context) typed(t value.Type) (e *value.Entry, ok bool) {
	e = c.entry()
	if e.Exists() && e.Type != t {
		c.fail(errWrongType)
		return nil, false
	}
	return e, true
}

// grown returns the entry of the first name as typed does, and begins a
// collection where there is nothing. It counts as changed.
func (c *Context) grown(t value.Type) (e *value.Entry, ok bool) {
	if e, ok = c.typed(t); ok {
		e.Type, e.Changed = t, true
	}
	return e, ok
}

// Failed reports whether the reply is an error.
func (c *Context) Failed() bool { return c.failed }

// fail answers with an error.
func (c *Context) fail(text string) {
	c.failed = true
	c.Out = resp.AppendError(c.Out, text)
}

// failArity answers that the number of arguments is wrong.
func (c *Context) failArity() { c.fail(ErrArity(c.Command.Name)) }

// ErrArity returns the error for a wrong number of arguments.
func ErrArity(name string) string { return "ERR wrong number of arguments for '" + name + "' command" }

// ErrUnknown returns the error for a command that is not spoken, as Redis words
// it: args is the command as the client sent it.
func ErrUnknown(args [][]byte) string {
	const longest = 128
	cut := func(b []byte, n int) string { return string(b[:min(len(b), max(n, 0))]) }
	var list strings.Builder
	for _, a := range args[1:] {
		if list.Len() >= longest {
			break
		}
		list.WriteString("'" + cut(a, longest-list.Len()) + "' ")
	}
	return "ERR unknown command '" + cut(args[0], longest) + "', with args beginning with: " + list.String()
}

func (c *Context) ok()              { c.Out = append(c.Out, "+OK\r\n"...) }
func (c *Context) null()            { c.Out = c.Version.AppendNull(c.Out) }
func (c *Context) int(n int)        { c.Out = resp.AppendInt(c.Out, int64(n)) }
func (c *Context) bulk(b []byte)    { c.Out = resp.AppendBulk(c.Out, b) }
func (c *Context) array(n int)      { c.Out = resp.AppendArray(c.Out, n) }
func (c *Context) emptyArray()      { c.array(0) }
func (c *Context) double(f float64) { c.Out = c.Version.AppendDouble(c.Out, f) }

func (c *Context) bool(b bool) {
	n := 0
	if b {
		n = 1
	}
	c.int(n)
}

// intArg reads the argument at i as an integer. It has answered if that is none.
func (c *Context) intArg(i int) (n int, ok bool) {
	if n, ok = resp.ParseInt(c.Args[i]); !ok {
		c.fail(errNotInteger)
	}
	return n, ok
}

// floatArg reads the argument at i as a float. It has answered with text if that
// is none.
func (c *Context) floatArg(i int, text string) (f float64, ok bool) {
	if f, ok = parseFloat(c.Args[i]); !ok {
		c.fail(text)
	}
	return f, ok
}

// is reports whether the argument at i is the given word, in any case.
func (c *Context) is(i int, word string) bool { return Is(c.Args[i], word) }

// Is reports whether arg is the given ASCII word, in any case.
func Is(arg []byte, word string) bool {
	return len(arg) == len(word) && strings.EqualFold(string(arg), word)
}

// parseFloat reads a float as C's strtod does with all of b.
func parseFloat(b []byte) (float64, bool) {
	if len(b) == 0 || bytes.IndexByte(b, '_') >= 0 {
		return 0, false
	}
	s := string(b)
	if digits := strings.TrimLeft(s, "+-"); len(digits) > 2 && (digits[:2] == "0x" || digits[:2] == "0X") && !strings.ContainsAny(s, "pP") {
		s += "p0"
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsNaN(f)
}

// span returns the part of n elements from start to stop, both included and
// counted from the end when negative. It is empty where from == to.
func span(start, stop, n int) (from, to int) {
	if start < 0 {
		start = max(start+n, 0)
	}
	if stop < 0 {
		stop += n
	}
	stop = min(stop, n-1)
	if start > stop || start >= n {
		return 0, 0
	}
	return start, stop + 1
}
