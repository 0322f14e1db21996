package command

import "github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"

var keyCommands = []Command{
	{Name: "del", Group: Keys, Arity: -2, Flags: Write | Blind, FirstKey: 1, LastKey: -1, KeyStep: 1, Run: del, Differs: delDiffers},
	{Name: "unlink", Group: Keys, Arity: -2, Flags: Write | Blind | Fast, FirstKey: 1, LastKey: -1, KeyStep: 1, Run: del, Differs: delDiffers},
	{Name: "exists", Group: Keys, Arity: -2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: -1, KeyStep: 1, Run: exists},
	{Name: "touch", Group: Keys, Arity: -2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: -1, KeyStep: 1, Run: exists},
	{Name: "type", Group: Keys, Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: typeOf},
	{
		Name: "rename", Group: Keys, Arity: 3, Flags: Write, FirstKey: 1, LastKey: 2, KeyStep: 1, Run: rename,
		Differs: "in one step over Valkey or Redis in one slot; elsewhere the value is briefly under both names",
	},
	{
		Name: "renamenx", Group: Keys, Arity: 3, Flags: Write | Fast, FirstKey: 1, LastKey: 2, KeyStep: 1, Run: renamenx,
		Differs: "as `RENAME`",
	},
}

const delDiffers = "over Valkey or Redis, may count a name that expired within the last 2 ms"

func del(c *Context) {
	n := 0
	for _, e := range c.Entries {
		if e.Exists() {
			e.Remove()
			n++
		}
	}
	c.int(n)
}

func exists(c *Context) {
	n := 0
	for _, e := range c.Entries {
		if e.Exists() {
			n++
		}
	}
	c.int(n)
}

func typeOf(c *Context) { c.Out = resp.AppendSimple(c.Out, c.entry().Type.String()) }

func rename(c *Context) {
	if !c.Entries[0].Exists() {
		c.fail(errNoKey)
		return
	}
	c.move()
	c.ok()
}

func renamenx(c *Context) {
	switch {
	case !c.Entries[0].Exists():
		c.fail(errNoKey)
	case c.Entries[1].Exists():
		c.int(0)
	default:
		c.move()
		c.int(1)
	}
}

// move puts what is under the first name under the second one.
func (c *Context) move() {
	from, to := c.Entries[0], c.Entries[1]
	if from == to {
		return
	}
	*to = *from
	to.Changed = true
	from.Remove()
}
