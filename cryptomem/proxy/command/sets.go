package command

import (
	"bytes"
	"math"
	"slices"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

var setCommands = []Command{
	{Name: "sadd", Group: Sets, Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: sadd},
	{Name: "srem", Group: Sets, Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: srem},
	{Name: "smembers", Group: Sets, Arity: 2, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: smembers},
	{Name: "sismember", Group: Sets, Arity: 3, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: sismember},
	{Name: "smismember", Group: Sets, Arity: -3, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: smismember},
	{Name: "scard", Group: Sets, Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: scard},
	{Name: "spop", Group: Sets, Arity: -2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: spop},
	{Name: "srandmember", Group: Sets, Arity: -2, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: srandmember},
	{
		Name: "sscan", Group: Sets, Arity: -3, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: sscan,
		Differs: wholeScan,
	},
}

func sadd(c *Context) {
	e, ok := c.typed(value.Set)
	if !ok {
		return
	}
	added := 0
	for _, m := range c.Args[2:] {
		if e.IndexItem(m) < 0 {
			e.Items = append(e.Items, bytes.Clone(m))
			added++
		}
	}
	if added > 0 {
		e.Type, e.Changed = value.Set, true
	}
	c.int(added)
}

func srem(c *Context) {
	e, ok := c.typed(value.Set)
	if !ok {
		return
	}
	removed := 0
	for _, m := range c.Args[2:] {
		if i := e.IndexItem(m); i >= 0 {
			e.Items = slices.Delete(e.Items, i, i+1)
			removed++
		}
	}
	e.Changed = e.Changed || removed > 0
	c.int(removed)
}

func smembers(c *Context) {
	if e, ok := c.typed(value.Set); ok {
		c.set(e.Items)
	}
}

// set answers with a set.
func (c *Context) set(members [][]byte) {
	c.Out = c.Version.AppendSet(c.Out, len(members))
	for _, m := range members {
		c.bulk(m)
	}
}

func sismember(c *Context) {
	if e, ok := c.typed(value.Set); ok {
		c.bool(e.IndexItem(c.Args[2]) >= 0)
	}
}

func smismember(c *Context) {
	if e, ok := c.typed(value.Set); ok {
		c.array(len(c.Args) - 2)
		for _, m := range c.Args[2:] {
			c.bool(e.IndexItem(m) >= 0)
		}
	}
}

func scard(c *Context) {
	if e, ok := c.typed(value.Set); ok {
		c.int(len(e.Items))
	}
}

func spop(c *Context) {
	counted := len(c.Args) == 3
	n := 1
	switch {
	case len(c.Args) > 3:
		c.fail(errSyntax)
		return
	case counted:
		var ok bool
		if n, ok = c.countArg(2); !ok {
			return
		}
	}
	e, ok := c.typed(value.Set)
	if !ok {
		return
	}
	var popped [][]byte
	for range min(n, len(e.Items)) {
		i := c.Random(len(e.Items))
		popped = append(popped, e.Items[i])
		e.Items = slices.Delete(e.Items, i, i+1)
		e.Changed = true
	}
	switch {
	case counted:
		c.set(popped)
	case len(popped) == 0:
		c.null()
	default:
		c.bulk(popped[0])
	}
}

func srandmember(c *Context) {
	if len(c.Args) > 3 {
		c.fail(errSyntax)
		return
	}
	n, counted := 0, len(c.Args) == 3
	if counted {
		var ok bool
		if n, ok = c.intArg(2); !ok {
			return
		}
		if n == math.MinInt {
			c.fail("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
			return
		}
	}
	e, ok := c.typed(value.Set)
	if !ok {
		return
	}
	if !counted {
		if !e.Exists() {
			c.null()
			return
		}
		c.bulk(e.Items[c.Random(len(e.Items))])
		return
	}
	c.randomMembers(e.Items, n)
}

// maxRandom bounds how many members SRANDMEMBER repeats for a negative count:
// an answer of 16 MiB, if they are short.
const maxRandom = 1 << 20

// randomMembers answers with n different members, or with -n, some of them
// perhaps several times.
func (c *Context) randomMembers(members [][]byte, n int) {
	switch {
	case len(members) == 0:
		c.emptyArray()
	case n >= 0:
		rest := slices.Clone(members)
		n = min(n, len(rest))
		for i := range n {
			j := i + c.Random(len(rest)-i)
			rest[i], rest[j] = rest[j], rest[i]
		}
		c.array(n)
		for _, m := range rest[:n] {
			c.bulk(m)
		}
	case -n > maxRandom:
		c.fail("ERR value is out of range, at most 1048576 members at once")
	default:
		c.array(-n)
		for range -n {
			c.bulk(members[c.Random(len(members))])
		}
	}
}

func sscan(c *Context) {
	pattern, ok := c.scanOf(value.Set)
	if !ok {
		return
	}
	var found [][]byte
	for _, m := range c.entry().Items {
		if pattern == nil || Match(pattern, m) {
			found = append(found, m)
		}
	}
	c.array(2)
	c.bulk([]byte("0"))
	c.array(len(found))
	for _, m := range found {
		c.bulk(m)
	}
}
