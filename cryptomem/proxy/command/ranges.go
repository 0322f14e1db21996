package command

import (
	"bytes"
	"slices"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

var sortedSetRangeCommands = []Command{
	{Name: "zrange", Group: SortedSets, Arity: -4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zrange},
	{Name: "zrevrange", Group: SortedSets, Arity: -4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zrange},
	{Name: "zrangebyscore", Group: SortedSets, Arity: -4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zrange},
	{Name: "zrevrangebyscore", Group: SortedSets, Arity: -4, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zrange},
	{Name: "zcount", Group: SortedSets, Arity: 4, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zcount},
	{Name: "zremrangebyscore", Group: SortedSets, Arity: 4, Flags: Write, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zremrangebyscore},
	{Name: "zremrangebyrank", Group: SortedSets, Arity: 4, Flags: Write, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zremrangebyrank},
}

// rangeOptions are those of ZRANGE, and what the names of its older relatives
// imply.
type rangeOptions struct {
	byScore, byLex, reverse, withScores, limited bool
	offset, limit                                int
}

// parseRangeOptions reads what stands behind the range. It has answered if that
// is wrong.
func (c *Context) parseRangeOptions() (o rangeOptions, ok bool) {
	o.limit = -1
	name := c.Command.Name
	free := name == "zrange"
	o.byScore = name == "zrangebyscore" || name == "zrevrangebyscore"
	o.reverse = name == "zrevrange" || name == "zrevrangebyscore"
	for i := 4; i < len(c.Args); i++ {
		switch {
		case c.is(i, "WITHSCORES"):
			o.withScores = true
		case c.is(i, "LIMIT") && i+2 < len(c.Args):
			if o.offset, ok = c.intArg(i + 1); !ok {
				return o, false
			}
			if o.limit, ok = c.intArg(i + 2); !ok {
				return o, false
			}
			o.limited = true
			i += 2
		case free && !o.reverse && c.is(i, "REV"):
			o.reverse = true
		case free && !o.byScore && !o.byLex && c.is(i, "BYLEX"):
			o.byLex = true
		case free && !o.byScore && !o.byLex && c.is(i, "BYSCORE"):
			o.byScore = true
		default:
			c.fail(errSyntax)
			return o, false
		}
	}
	switch {
	case o.limit != -1 && !o.byScore && !o.byLex:
		c.fail("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
	case o.withScores && o.byLex:
		c.fail("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
	default:
		return o, true
	}
	return o, false
}

func zrange(c *Context) {
	o, ok := c.parseRangeOptions()
	if !ok {
		return
	}
	low, high := 2, 3
	if o.reverse && (o.byScore || o.byLex) {
		low, high = high, low
	}
	var r scoreRange
	var start, stop int
	switch {
	case o.byScore:
		r, ok = c.scoreRange(low, high)
	case o.byLex:
		r, ok = c.lexRange(low, high)
	default:
		start, stop, ok = c.rankArgs()
	}
	if !ok {
		return
	}
	e, ok := c.typed(value.SortedSet)
	if !ok {
		return
	}
	found := slices.Clone(e.Scores)
	if o.byScore || o.byLex {
		from, to := e.Scores.Range(r.low, r.high)
		found = found[from:to]
	}
	if o.reverse {
		slices.Reverse(found)
	}
	if o.byScore || o.byLex {
		found = o.page(found)
	} else {
		from, to := span(start, stop, len(found))
		found = found[from:to]
	}
	c.scores(found, o.withScores, true)
}

func (c *Context) rankArgs() (start, stop int, ok bool) {
	if start, ok = c.intArg(2); ok {
		stop, ok = c.intArg(3)
	}
	return start, stop, ok
}

// page returns what LIMIT leaves of found.
func (o rangeOptions) page(found value.Scores) value.Scores {
	if o.offset < 0 {
		return nil
	}
	found = found[min(o.offset, len(found)):]
	if o.limit >= 0 {
		found = found[:min(o.limit, len(found))]
	}
	return found
}

// scores answers with members and, as asked, their scores: in RESP3 as pairs, in
// RESP2 one after the other.
func (c *Context) scores(found value.Scores, withScores, paired bool) {
	pairs := withScores && paired && c.Version == resp.RESP3
	n := len(found)
	if withScores && !pairs {
		n *= 2
	}
	c.array(n)
	for _, s := range found {
		if pairs {
			c.array(2)
		}
		c.bulk(s.Member)
		if withScores {
			c.double(s.Score)
		}
	}
}

// A scoreRange is where a range begins and ends: low is true from some rank on,
// high up to some rank.
type scoreRange struct {
	low, high func(value.Score) bool
}

// scoreRange reads two arguments as the ends of a range of scores. It has
// answered if they are none.
func (c *Context) scoreRange(low, high int) (r scoreRange, ok bool) {
	from, fromOpen, ok1 := parseScoreBound(c.Args[low])
	to, toOpen, ok2 := parseScoreBound(c.Args[high])
	if !ok1 || !ok2 {
		c.fail("ERR min or max is not a float")
		return r, false
	}
	r.low = func(s value.Score) bool { return s.Score > from || s.Score == from && !fromOpen }
	r.high = func(s value.Score) bool { return s.Score < to || s.Score == to && !toOpen }
	return r, true
}

// parseScoreBound reads one end: a score, behind "(" if it is not included.
func parseScoreBound(b []byte) (score float64, open, ok bool) {
	if open = len(b) > 0 && b[0] == '('; open {
		b = b[1:]
	}
	if b = bytes.TrimLeft(b, " \t\n\v\f\r"); len(b) == 0 {
		// to C's strtod, nothing is a number
		return 0, open, true
	}
	score, ok = parseFloat(b)
	return score, open, ok
}

// lexRange reads two arguments as the ends of a range of members with one score.
// It has answered if they are none.
func (c *Context) lexRange(low, high int) (r scoreRange, ok bool) {
	from, ok1 := parseLexBound(c.Args[low])
	to, ok2 := parseLexBound(c.Args[high])
	if !ok1 || !ok2 {
		c.fail("ERR min or max not valid string range item")
		return r, false
	}
	r.low = func(s value.Score) bool { n := from.compare(s.Member); return n < 0 || n == 0 && !from.open }
	r.high = func(s value.Score) bool { n := to.compare(s.Member); return n > 0 || n == 0 && !to.open }
	return r, true
}

// A lexBound is one end: a member, or beyond all of them.
type lexBound struct {
	member []byte
	open   bool
	// -1 before, 1 behind all members.
	infinite int
}

func parseLexBound(b []byte) (l lexBound, ok bool) {
	switch {
	case string(b) == "-":
		return lexBound{infinite: -1}, true
	case string(b) == "+":
		return lexBound{infinite: 1}, true
	case len(b) > 0 && (b[0] == '[' || b[0] == '('):
		return lexBound{member: b[1:], open: b[0] == '('}, true
	}
	return l, false
}

// compare returns where the bound is, seen from the member: below 0 before it.
func (l lexBound) compare(member []byte) int {
	if l.infinite != 0 {
		return l.infinite
	}
	return bytes.Compare(l.member, member)
}

func zcount(c *Context) {
	r, ok := c.scoreRange(2, 3)
	if !ok {
		return
	}
	if e, ok := c.typed(value.SortedSet); ok {
		from, to := e.Scores.Range(r.low, r.high)
		c.int(to - from)
	}
}

func zremrangebyscore(c *Context) {
	r, ok := c.scoreRange(2, 3)
	if !ok {
		return
	}
	if e, ok := c.typed(value.SortedSet); ok {
		from, to := e.Scores.Range(r.low, r.high)
		c.removeScores(e, from, to)
	}
}

func zremrangebyrank(c *Context) {
	start, stop, ok := c.rankArgs()
	if !ok {
		return
	}
	if e, ok := c.typed(value.SortedSet); ok {
		from, to := span(start, stop, len(e.Scores))
		c.removeScores(e, from, to)
	}
}

func (c *Context) removeScores(e *value.Entry, from, to int) {
	if from < to {
		e.Scores, e.Changed = slices.Delete(e.Scores, from, to), true
	}
	c.int(to - from)
}
