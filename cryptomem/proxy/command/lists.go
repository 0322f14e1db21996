package command

import (
	"bytes"
	"slices"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

var listCommands = []Command{
	{Name: "lpush", Group: Lists, Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: push},
	{Name: "rpush", Group: Lists, Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: push},
	{Name: "lpop", Group: Lists, Arity: -2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: pop},
	{Name: "rpop", Group: Lists, Arity: -2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: pop},
	{Name: "llen", Group: Lists, Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: llen},
	{Name: "lrange", Group: Lists, Arity: 4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: lrange},
	{Name: "lindex", Group: Lists, Arity: 3, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: lindex},
	{Name: "lset", Group: Lists, Arity: 4, Flags: Write, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: lset},
	{Name: "lrem", Group: Lists, Arity: 4, Flags: Write, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: lrem},
	{Name: "ltrim", Group: Lists, Arity: 4, Flags: Write, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: ltrim},
}

func push(c *Context) {
	e, ok := c.grown(value.List)
	if !ok {
		return
	}
	pushed := make([][]byte, 0, len(c.Args)-2)
	for _, b := range c.Args[2:] {
		pushed = append(pushed, bytes.Clone(b))
	}
	if c.Command.Name == "lpush" {
		slices.Reverse(pushed)
		e.Items = append(pushed, e.Items...)
	} else {
		e.Items = append(e.Items, pushed...)
	}
	c.int(len(e.Items))
}

func pop(c *Context) {
	counted := len(c.Args) == 3
	n := 1
	switch {
	case len(c.Args) > 3:
		c.failArity()
		return
	case counted:
		var ok bool
		if n, ok = c.countArg(2); !ok {
			return
		}
	}
	e, ok := c.typed(value.List)
	switch {
	case !ok:
		return
	case !e.Exists() && counted:
		c.Out = c.Version.AppendNullArray(c.Out)
		return
	case !e.Exists():
		c.null()
		return
	}
	n = min(n, len(e.Items))
	var popped [][]byte
	if c.Command.Name == "lpop" {
		popped, e.Items = e.Items[:n:n], e.Items[n:]
	} else {
		rest := len(e.Items) - n
		popped, e.Items = slices.Clone(e.Items[rest:]), e.Items[:rest]
		slices.Reverse(popped)
	}
	e.Changed = e.Changed || n > 0
	if counted {
		c.array(n)
	}
	for _, b := range popped {
		c.bulk(b)
	}
}

func llen(c *Context) {
	if e, ok := c.typed(value.List); ok {
		c.int(len(e.Items))
	}
}

func lrange(c *Context) {
	start, stop, ok := c.rankArgs()
	if !ok {
		return
	}
	if e, ok := c.typed(value.List); ok {
		from, to := span(start, stop, len(e.Items))
		c.array(to - from)
		for _, b := range e.Items[from:to] {
			c.bulk(b)
		}
	}
}

// at returns the place that an index stands for, counted from the end when
// negative.
func at(index, n int) (i int, ok bool) {
	if index < 0 {
		index += n
	}
	return index, 0 <= index && index < n
}

func lindex(c *Context) {
	e, ok := c.typed(value.List)
	if !ok {
		return
	}
	if !e.Exists() {
		c.null()
		return
	}
	index, ok := c.intArg(2)
	if !ok {
		return
	}
	if i, ok := at(index, len(e.Items)); ok {
		c.bulk(e.Items[i])
	} else {
		c.null()
	}
}

func lset(c *Context) {
	e, ok := c.typed(value.List)
	if !ok {
		return
	}
	if !e.Exists() {
		c.fail(errNoKey)
		return
	}
	index, ok := c.intArg(2)
	if !ok {
		return
	}
	i, ok := at(index, len(e.Items))
	if !ok {
		c.fail("ERR index out of range")
		return
	}
	e.Items[i], e.Changed = bytes.Clone(c.Args[3]), true
	c.ok()
}

func lrem(c *Context) {
	count, ok := c.intArg(2)
	if !ok {
		return
	}
	e, ok := c.typed(value.List)
	if !ok {
		return
	}
	before := len(e.Items)
	if count < 0 {
		slices.Reverse(e.Items)
	}
	left := max(count, -count)
	e.Items = slices.DeleteFunc(e.Items, func(b []byte) bool {
		if count != 0 && left == 0 || !bytes.Equal(b, c.Args[3]) {
			return false
		}
		left--
		return true
	})
	if count < 0 {
		slices.Reverse(e.Items)
	}
	removed := before - len(e.Items)
	e.Changed = e.Changed || removed > 0
	c.int(removed)
}

func ltrim(c *Context) {
	start, stop, ok := c.rankArgs()
	if !ok {
		return
	}
	if e, ok := c.typed(value.List); ok {
		from, to := span(start, stop, len(e.Items))
		if to-from < len(e.Items) {
			e.Items, e.Changed = e.Items[from:to], true
		}
		c.ok()
	}
}
