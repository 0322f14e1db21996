package command

import (
	"bytes"
	"math"
	"strconv"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

var stringCommands = []Command{
	{Name: "get", Group: Strings, Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: get},
	{Name: "set", Group: Strings, Arity: -3, Flags: Write, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: set},
	{Name: "setex", Group: Strings, Arity: 4, Flags: Write | Blind, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: setex},
	{Name: "psetex", Group: Strings, Arity: 4, Flags: Write | Blind, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: setex},
	{Name: "setnx", Group: Strings, Arity: 3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: setnx},
	{Name: "getset", Group: Strings, Arity: 3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: getset},
	{Name: "getex", Group: Strings, Arity: -2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: getex},
	{Name: "getdel", Group: Strings, Arity: 2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: getdel},
	{Name: "mget", Group: Strings, Arity: -2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: -1, KeyStep: 1, Run: mget},
	{
		Name: "mset", Group: Strings, Arity: -3, Flags: Write | Blind, FirstKey: 1, LastKey: -1, KeyStep: 2, Run: mset,
		Differs: "in one step over Valkey or Redis in one slot; elsewhere one name after the other",
	},
	{
		Name: "msetnx", Group: Strings, Arity: -3, Flags: Write, FirstKey: 1, LastKey: -1, KeyStep: 2, Run: msetnx,
		Differs: "several names over Valkey or Redis in one slot only",
	},
	{Name: "strlen", Group: Strings, Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: strlen},
	{Name: "append", Group: Strings, Arity: 3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: appendTo},
	{Name: "getrange", Group: Strings, Arity: 4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: getrange},
	{Name: "substr", Group: Strings, Arity: 4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: getrange},
	{Name: "setrange", Group: Strings, Arity: 4, Flags: Write, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: setrange},
	{Name: "incr", Group: Strings, Arity: 2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: incr},
	{Name: "decr", Group: Strings, Arity: 2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: decr},
	{Name: "incrby", Group: Strings, Arity: 3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: incrby},
	{Name: "decrby", Group: Strings, Arity: 3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: decrby},
	{Name: "incrbyfloat", Group: Strings, Arity: 3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: incrbyfloat},
}

// putString makes e a copy of b, for good.
func putString(e *value.Entry, b []byte) {
	e.Put(value.Value{Type: value.String, Bytes: bytes.Clone(b)})
}

// replaceString makes e the string b, which is the command's own, and keeps its
// expiry.
func replaceString(e *value.Entry, b []byte) {
	e.Type, e.Bytes, e.Changed = value.String, b, true
}

// tooLong answers if a string of n bytes is over the limit.
func (c *Context) tooLong(n int) bool {
	if n > c.Limits.MaxString {
		c.fail(errTooLong)
		return true
	}
	return false
}

func get(c *Context) { c.appendString() }

// appendString answers with the string under the first name.
func (c *Context) appendString() bool {
	e, ok := c.typed(value.String)
	switch {
	case !ok:
		return false
	case !e.Exists():
		c.null()
	default:
		c.bulk(e.Bytes)
	}
	return true
}

func setex(c *Context) {
	unit := seconds
	if c.Command.Name == "psetex" {
		unit = milliseconds
	}
	until, ok := c.expiryArg(2, unit, relative)
	if !ok || c.tooLong(len(c.Args[3])) {
		return
	}
	putString(c.entry(), c.Args[3])
	c.entry().Expires = until
	c.ok()
}

func setnx(c *Context) {
	free := !c.entry().Exists()
	if free {
		putString(c.entry(), c.Args[2])
	}
	c.bool(free)
}

func getset(c *Context) {
	if c.appendString() {
		putString(c.entry(), c.Args[2])
	}
}

func getdel(c *Context) {
	if c.appendString() && c.entry().Exists() {
		c.entry().Remove()
	}
}

func mget(c *Context) {
	c.array(len(c.Entries))
	for _, e := range c.Entries {
		if e.Type == value.String {
			c.bulk(e.Bytes)
		} else {
			c.null()
		}
	}
}

func mset(c *Context) {
	if len(c.Args)%2 == 0 {
		c.failArity()
		return
	}
	for i, e := range c.Entries {
		putString(e, c.Args[2*i+2])
	}
	c.ok()
}

func msetnx(c *Context) {
	if len(c.Args)%2 == 0 {
		c.failArity()
		return
	}
	for _, e := range c.Entries {
		if e.Exists() {
			c.int(0)
			return
		}
	}
	for i, e := range c.Entries {
		putString(e, c.Args[2*i+2])
	}
	c.int(1)
}

func strlen(c *Context) {
	if e, ok := c.typed(value.String); ok {
		c.int(len(e.Bytes))
	}
}

func appendTo(c *Context) {
	e, ok := c.typed(value.String)
	if !ok {
		return
	}
	n := len(e.Bytes) + len(c.Args[2])
	if c.tooLong(n) {
		return
	}
	replaceString(e, append(append(make([]byte, 0, n), e.Bytes...), c.Args[2]...))
	c.int(n)
}

func getrange(c *Context) {
	start, ok1 := c.intArg(2)
	if !ok1 {
		return
	}
	end, ok2 := c.intArg(3)
	if !ok2 {
		return
	}
	e, ok := c.typed(value.String)
	if !ok {
		return
	}
	n := len(e.Bytes)
	if start < 0 && end < 0 && start > end {
		c.bulk(nil)
		return
	}
	if end < 0 {
		// unlike other ranges, this one has a first byte
		end = max(end+n, 0)
	}
	from, to := span(start, end, n)
	c.bulk(e.Bytes[from:to])
}

func setrange(c *Context) {
	offset, ok := c.intArg(2)
	if !ok {
		return
	}
	if offset < 0 {
		c.fail("ERR offset is out of range")
		return
	}
	e, ok := c.typed(value.String)
	if !ok {
		return
	}
	patch := c.Args[3]
	if len(patch) == 0 {
		c.int(len(e.Bytes))
		return
	}
	if offset > math.MaxInt-len(patch) || c.tooLong(offset+len(patch)) {
		if !c.failed {
			c.fail(errTooLong)
		}
		return
	}
	b := make([]byte, max(len(e.Bytes), offset+len(patch)))
	copy(b, e.Bytes)
	copy(b[offset:], patch)
	replaceString(e, b)
	c.int(len(b))
}

func incr(c *Context) { c.add(1) }
func decr(c *Context) { c.add(-1) }

func incrby(c *Context) {
	if n, ok := c.intArg(2); ok {
		c.add(n)
	}
}

func decrby(c *Context) {
	n, ok := c.intArg(2)
	switch {
	case !ok:
	case n == math.MinInt:
		c.fail("ERR decrement would overflow")
	default:
		c.add(-n)
	}
}

// add adds n to the integer under the first name.
func (c *Context) add(n int) {
	e, ok := c.typed(value.String)
	if !ok {
		return
	}
	old := 0
	if e.Exists() {
		if old, ok = resp.ParseInt(e.Bytes); !ok {
			c.fail(errNotInteger)
			return
		}
	}
	sum, ok := addInts(old, n)
	if !ok {
		c.fail(errOverflow)
		return
	}
	replaceString(e, strconv.AppendInt(nil, int64(sum), 10))
	c.int(sum)
}

func addInts(a, b int) (sum int, ok bool) {
	sum = a + b
	return sum, (sum > a) == (b > 0)
}

func incrbyfloat(c *Context) {
	e, ok := c.typed(value.String)
	if !ok {
		return
	}
	sum, text := addLongDoubles(e.Bytes, e.Exists(), c.Args[2], errNotFloat)
	if text != "" {
		c.fail(text)
		return
	}
	replaceString(e, sum)
	c.bulk(sum)
}
