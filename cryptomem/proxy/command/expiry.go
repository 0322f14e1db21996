package command

import (
	"math"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

var expiryCommands = []Command{
	{Name: "expire", Group: Keys, Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: expireIn(seconds, relative)},
	{Name: "pexpire", Group: Keys, Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: expireIn(milliseconds, relative)},
	{Name: "expireat", Group: Keys, Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: expireIn(seconds, absolute)},
	{Name: "pexpireat", Group: Keys, Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: expireIn(milliseconds, absolute)},
	{Name: "persist", Group: Keys, Arity: 2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: persist},
	{Name: "ttl", Group: Keys, Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: ttlIn(seconds, relative)},
	{Name: "pttl", Group: Keys, Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: ttlIn(milliseconds, relative)},
	{Name: "expiretime", Group: Keys, Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: ttlIn(seconds, absolute)},
	{Name: "pexpiretime", Group: Keys, Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: ttlIn(milliseconds, absolute)},
}

// expireIn returns EXPIRE and its relatives.
func expireIn(u unit, isRelative bool) func(*Context) {
	return func(c *Context) {
		allows, ok := c.parseExpireConditions()
		if !ok {
			return
		}
		n, ok := c.intArg(2)
		if !ok {
			return
		}
		if n > math.MaxInt/int(u) || n < math.MinInt/int(u) {
			c.invalidExpire()
			return
		}
		until := int64(n) * int64(u)
		if isRelative {
			if until > math.MaxInt64-c.Now {
				c.invalidExpire()
				return
			}
			until += c.Now
		}
		e := c.entry()
		if !e.Exists() || !allows(e.Expires, until) {
			c.int(0)
			return
		}
		if !c.withinSlack(e.Expires, until) {
			c.expire(e, until)
		}
		c.int(1)
	}
}

// withinSlack reports whether a life is lengthened by so little that it is left.
func (c *Context) withinSlack(old, until int64) bool {
	return old != 0 && old <= until && float64(until-old) < c.Limits.TouchSlack*float64(until-c.Now)
}

func (c *Context) expire(e *value.Entry, until int64) {
	if until <= c.Now {
		e.Remove()
		return
	}
	e.Expires, e.Changed = until, true
}

// parseExpireConditions reads NX, XX, GT and LT behind an expiry and returns
// whether they allow one in place of another, 0 = none.
func (c *Context) parseExpireConditions() (allows func(old, until int64) bool, ok bool) {
	var nx, xx, gt, lt bool
	for i := 3; i < len(c.Args); i++ {
		switch {
		case c.is(i, "NX"):
			nx = true
		case c.is(i, "XX"):
			xx = true
		case c.is(i, "GT"):
			gt = true
		case c.is(i, "LT"):
			lt = true
		default:
			c.fail("ERR Unsupported option " + string(c.Args[i]))
			return nil, false
		}
	}
	switch {
	case nx && (xx || gt || lt):
		c.fail("ERR NX and XX, GT or LT options at the same time are not compatible")
		return nil, false
	case gt && lt:
		c.fail("ERR GT and LT options at the same time are not compatible")
		return nil, false
	}
	return func(old, until int64) bool {
		refused := nx && old != 0 ||
			xx && old == 0 ||
			gt && (old == 0 || until <= old) ||
			lt && old != 0 && until >= old
		return !refused
	}, true
}

func persist(c *Context) {
	e := c.entry()
	had := e.Exists() && e.Expires != 0
	if had {
		e.Expires, e.Changed = 0, true
	}
	c.bool(had)
}

// ttlIn returns TTL and its relatives. Seconds are rounded to the nearest.
func ttlIn(u unit, isRelative bool) func(*Context) {
	return func(c *Context) {
		e := c.entry()
		switch {
		case !e.Exists():
			c.int(-2)
		case e.Expires == 0:
			c.int(-1)
		default:
			n := e.Expires
			if isRelative {
				n = max(n-c.Now, 0)
			}
			c.int((int(n) + int(u)/2) / int(u))
		}
	}
}
