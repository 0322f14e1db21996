package command

import (
	"strconv"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

var hashCommands = []Command{
	{Name: "hset", Group: Hashes, Arity: -4, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: hset},
	{Name: "hmset", Group: Hashes, Arity: -4, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: hset},
	{Name: "hsetnx", Group: Hashes, Arity: 4, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: hsetnx},
	{Name: "hget", Group: Hashes, Arity: 3, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: hget},
	{Name: "hmget", Group: Hashes, Arity: -3, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: hmget},
	{Name: "hgetall", Group: Hashes, Arity: 2, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: hgetall},
	{Name: "hkeys", Group: Hashes, Arity: 2, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: hkeys},
	{Name: "hvals", Group: Hashes, Arity: 2, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: hvals},
	{Name: "hdel", Group: Hashes, Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: hdel},
	{Name: "hexists", Group: Hashes, Arity: 3, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: hexists},
	{Name: "hlen", Group: Hashes, Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: hlen},
	{Name: "hstrlen", Group: Hashes, Arity: 3, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: hstrlen},
	{Name: "hincrby", Group: Hashes, Arity: 4, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: hincrby},
	{Name: "hincrbyfloat", Group: Hashes, Arity: 4, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: hincrbyfloat},
	{
		Name: "hscan", Group: Hashes, Arity: -3, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: hscan,
		Differs: wholeScan,
	},
}

// wholeScan is what differs for the scans of collections.
const wholeScan = "returns the whole collection at once, with cursor 0"

func hset(c *Context) {
	if len(c.Args)%2 == 1 {
		c.failArity()
		return
	}
	e, ok := c.grown(value.Hash)
	if !ok {
		return
	}
	added := 0
	for i := 2; i < len(c.Args); i += 2 {
		if e.Fields.Set(c.Args[i], c.Args[i+1]) {
			added++
		}
	}
	if c.Command.Name == "hmset" {
		c.ok()
		return
	}
	c.int(added)
}

func hsetnx(c *Context) {
	e, ok := c.typed(value.Hash)
	if !ok {
		return
	}
	free := e.Fields.Index(c.Args[2]) < 0
	if free {
		e.Type, e.Changed = value.Hash, true
		e.Fields.Set(c.Args[2], c.Args[3])
	}
	c.bool(free)
}

func hget(c *Context) {
	if e, ok := c.typed(value.Hash); ok {
		c.field(e, c.Args[2])
	}
}

// field answers with one field's value.
func (c *Context) field(e *value.Entry, name []byte) {
	if v, ok := e.Fields.Get(name); ok {
		c.bulk(v)
	} else {
		c.null()
	}
}

func hmget(c *Context) {
	e, ok := c.typed(value.Hash)
	if !ok {
		return
	}
	c.array(len(c.Args) - 2)
	for _, name := range c.Args[2:] {
		c.field(e, name)
	}
}

func hgetall(c *Context) {
	e, ok := c.typed(value.Hash)
	if !ok {
		return
	}
	c.Out = c.Version.AppendMap(c.Out, len(e.Fields))
	for _, f := range e.Fields {
		c.bulk(f.Name)
		c.bulk(f.Value)
	}
}

func hkeys(c *Context) {
	if e, ok := c.typed(value.Hash); ok {
		c.array(len(e.Fields))
		for _, f := range e.Fields {
			c.bulk(f.Name)
		}
	}
}

func hvals(c *Context) {
	if e, ok := c.typed(value.Hash); ok {
		c.array(len(e.Fields))
		for _, f := range e.Fields {
			c.bulk(f.Value)
		}
	}
}

func hdel(c *Context) {
	e, ok := c.typed(value.Hash)
	if !ok {
		return
	}
	removed := 0
	for _, name := range c.Args[2:] {
		if e.Fields.Delete(name) {
			removed++
		}
	}
	e.Changed = e.Changed || removed > 0
	c.int(removed)
}

func hexists(c *Context) {
	if e, ok := c.typed(value.Hash); ok {
		c.bool(e.Fields.Index(c.Args[2]) >= 0)
	}
}

func hlen(c *Context) {
	if e, ok := c.typed(value.Hash); ok {
		c.int(len(e.Fields))
	}
}

func hstrlen(c *Context) {
	if e, ok := c.typed(value.Hash); ok {
		v, _ := e.Fields.Get(c.Args[2])
		c.int(len(v))
	}
}

func hincrby(c *Context) {
	n, ok := c.intArg(3)
	if !ok {
		return
	}
	e, ok := c.typed(value.Hash)
	if !ok {
		return
	}
	old := 0
	if v, found := e.Fields.Get(c.Args[2]); found {
		if old, ok = resp.ParseInt(v); !ok {
			c.fail("ERR hash value is not an integer")
			return
		}
	}
	sum, ok := addInts(old, n)
	if !ok {
		c.fail(errOverflow)
		return
	}
	e.Type, e.Changed = value.Hash, true
	e.Fields.Set(c.Args[2], strconv.AppendInt(nil, int64(sum), 10))
	c.int(sum)
}

func hincrbyfloat(c *Context) {
	increment, ok := parseLongDouble(c.Args[3])
	if !ok {
		c.fail(errNotFloat)
		return
	}
	if increment.IsInf() {
		c.fail("ERR value is NaN or Infinity")
		return
	}
	e, ok := c.typed(value.Hash)
	if !ok {
		return
	}
	old, found := e.Fields.Get(c.Args[2])
	sum, text := addLongDoubles(old, found, c.Args[3], "ERR hash value is not a float")
	if text != "" {
		c.fail(text)
		return
	}
	e.Type, e.Changed = value.Hash, true
	e.Fields.Set(c.Args[2], sum)
	c.bulk(sum)
}

func hscan(c *Context) {
	pattern, ok := c.scanOf(value.Hash)
	if !ok {
		return
	}
	var found value.Fields
	for _, f := range c.entry().Fields {
		if pattern == nil || Match(pattern, f.Name) {
			found = append(found, f)
		}
	}
	c.array(2)
	c.bulk([]byte("0"))
	c.array(2 * len(found))
	for _, f := range found {
		c.bulk(f.Name)
		c.bulk(f.Value)
	}
}
