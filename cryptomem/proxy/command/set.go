package command

import (
	"math"
)

// A unit is what an expiry is counted in, and from when.
type unit int

const (
	seconds      unit = 1000
	milliseconds unit = 1
)

const (
	relative = true
	absolute = false
)

// expiryArg reads the argument at i as the expiry of a value that is set, in
// Unix milliseconds. It has answered if that is none, or in the past.
func (c *Context) expiryArg(i int, u unit, isRelative bool) (until int64, ok bool) {
	n, ok := c.intArg(i)
	if !ok {
		return 0, false
	}
	if n <= 0 || n > math.MaxInt/int(u) {
		return 0, c.invalidExpire()
	}
	until = int64(n) * int64(u)
	if isRelative {
		if until > math.MaxInt64-c.Now {
			return 0, c.invalidExpire()
		}
		until += c.Now
	}
	return until, true
}

func (c *Context) invalidExpire() bool {
	c.fail("ERR invalid expire time in '" + c.Command.Name + "' command")
	return false
}

// setOptions are what SET and GETEX take behind name and value.
type setOptions struct {
	nx, xx, get, keep, persist bool
	// Which argument says when, 0 = none.
	expiry   int
	unit     unit
	relative bool
}

// parseSetOptions reads the options from the argument at i on. It has answered
// if they are wrong.
func (c *Context) parseSetOptions(i int, isSet bool) (o setOptions, ok bool) {
	for ; i < len(c.Args); i++ {
		more := i+1 < len(c.Args)
		timed := o.keep || o.persist || o.expiry != 0
		switch {
		case isSet && c.is(i, "NX") && !o.xx:
			o.nx = true
		case isSet && c.is(i, "XX") && !o.nx:
			o.xx = true
		case isSet && c.is(i, "GET"):
			o.get = true
		case isSet && c.is(i, "KEEPTTL") && !o.persist && o.expiry == 0:
			o.keep = true
		case !isSet && c.is(i, "PERSIST") && !o.keep && o.expiry == 0:
			o.persist = true
		case c.is(i, "EX") && more && !timed:
			o.expiry, o.unit, o.relative = i+1, seconds, relative
			i++
		case c.is(i, "PX") && more && !timed:
			o.expiry, o.unit, o.relative = i+1, milliseconds, relative
			i++
		case c.is(i, "EXAT") && more && !timed:
			o.expiry, o.unit, o.relative = i+1, seconds, absolute
			i++
		case c.is(i, "PXAT") && more && !timed:
			o.expiry, o.unit, o.relative = i+1, milliseconds, absolute
			i++
		default:
			c.fail(errSyntax)
			return o, false
		}
	}
	return o, true
}

func set(c *Context) {
	o, ok := c.parseSetOptions(3, true)
	if !ok || c.tooLong(len(c.Args[2])) {
		return
	}
	var until int64
	if o.expiry != 0 {
		if until, ok = c.expiryArg(o.expiry, o.unit, o.relative); !ok {
			return
		}
	}
	e := c.entry()
	if o.get && !c.appendString() {
		return
	}
	if o.nx && e.Exists() || o.xx && !e.Exists() {
		if !o.get {
			c.null()
		}
		return
	}
	if o.keep {
		until = e.Expires
	}
	putString(e, c.Args[2])
	e.Expires = until
	if !o.get {
		c.ok()
	}
}

func getex(c *Context) {
	o, ok := c.parseSetOptions(2, false)
	if !ok {
		return
	}
	start := len(c.Out)
	if !c.appendString() || !c.entry().Exists() {
		return
	}
	e := c.entry()
	switch {
	case o.expiry != 0:
		until, ok := c.getexExpiry(o, start)
		if !ok {
			return
		}
		e.Expires, e.Changed = until, true
	case o.persist && e.Expires != 0:
		e.Expires, e.Changed = 0, true
	}
}

// getexExpiry is expiryArg, whose error takes the place of the answer from start
// on.
func (c *Context) getexExpiry(o setOptions, start int) (until int64, ok bool) {
	answer := c.Out
	c.Out = c.Out[:start:start]
	if until, ok = c.expiryArg(o.expiry, o.unit, o.relative); ok {
		c.Out = answer
	}
	return until, ok
}

// IsPlain reports whether a SET of these arguments stores its value whatever was
// there and answers nothing of it, so that it need not be read.
func IsPlain(args [][]byte) bool {
	for _, a := range args[3:] {
		switch len(a) {
		case 2:
			if Is(a, "NX") || Is(a, "XX") {
				return false
			}
		case 3:
			if Is(a, "GET") {
				return false
			}
		case 7:
			if Is(a, "KEEPTTL") {
				return false
			}
		}
	}
	return true
}
