package command

import (
	"math"
	"strconv"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

var sortedSetCommands = []Command{
	{Name: "zadd", Group: SortedSets, Arity: -4, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zadd},
	{Name: "zincrby", Group: SortedSets, Arity: 4, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zincrby},
	{Name: "zrem", Group: SortedSets, Arity: -3, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zrem},
	{Name: "zcard", Group: SortedSets, Arity: 2, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zcard},
	{Name: "zscore", Group: SortedSets, Arity: 3, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zscore},
	{Name: "zmscore", Group: SortedSets, Arity: -3, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zmscore},
	{
		Name: "zrank", Group: SortedSets, Arity: -3, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zrank,
		Differs: "also takes `WITHSCORE`, as Redis 7.2 does",
	},
	{
		Name: "zrevrank", Group: SortedSets, Arity: -3, Flags: ReadOnly | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zrank,
		Differs: "also takes `WITHSCORE`, as Redis 7.2 does",
	},
	{Name: "zpopmin", Group: SortedSets, Arity: -2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zpop},
	{Name: "zpopmax", Group: SortedSets, Arity: -2, Flags: Write | Fast, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zpop},
	{
		Name: "zscan", Group: SortedSets, Arity: -3, Flags: ReadOnly, FirstKey: 1, LastKey: 1, KeyStep: 1, Run: zscan,
		Differs: wholeScan,
	},
}

const errNaNScore = "ERR resulting score is not a number (NaN)"

// addOptions are those of ZADD.
type addOptions struct{ nx, xx, gt, lt, ch, incr bool }

// parseAddOptions reads ZADD's options and returns where the scores begin. It
// has answered if something is wrong.
func (c *Context) parseAddOptions() (o addOptions, first int, ok bool) {
	first = 2
options:
	for ; first < len(c.Args); first++ {
		switch {
		case c.is(first, "NX"):
			o.nx = true
		case c.is(first, "XX"):
			o.xx = true
		case c.is(first, "GT"):
			o.gt = true
		case c.is(first, "LT"):
			o.lt = true
		case c.is(first, "CH"):
			o.ch = true
		case c.is(first, "INCR"):
			o.incr = true
		default:
			break options
		}
	}
	n := len(c.Args) - first
	switch {
	case n == 0 || n%2 != 0:
		c.fail(errSyntax)
	case o.nx && o.xx:
		c.fail("ERR XX and NX options at the same time are not compatible")
	case o.gt && o.nx || o.lt && o.nx || o.gt && o.lt:
		c.fail("ERR GT, LT, and/or NX options at the same time are not compatible")
	case o.incr && n > 2:
		c.fail("ERR INCR option supports a single increment-element pair")
	default:
		return o, first, true
	}
	return o, 0, false
}

func zadd(c *Context) {
	if o, first, ok := c.parseAddOptions(); ok {
		c.zadd(o, first)
	}
}

func zincrby(c *Context) { c.zadd(addOptions{incr: true}, 2) }

// zadd adds the pairs of score and member from the argument first on.
func (c *Context) zadd(o addOptions, first int) {
	pairs := c.Args[first:]
	scores := make([]float64, len(pairs)/2)
	for i := range scores {
		var ok bool
		if scores[i], ok = c.floatArg(first+2*i, errNotFloat); !ok {
			return
		}
	}
	e, ok := c.typed(value.SortedSet)
	if !ok {
		return
	}
	var added, updated int
	var last float64
	processed := false
	for i, score := range scores {
		did, became := addScore(&e.Scores, pairs[2*i+1], score, o)
		switch did {
		case isNaN:
			c.fail(errNaNScore)
			return // what came before stays, as in Redis
		case isAdded:
			added++
		case isUpdated:
			updated++
		}
		if did != skipped {
			processed, last = true, became
		}
		if did == isAdded || did == isUpdated {
			e.Type, e.Changed = value.SortedSet, true
		}
	}
	switch {
	case o.incr && !processed:
		c.null()
	case o.incr:
		c.double(last)
	case o.ch:
		c.int(added + updated)
	default:
		c.int(added)
	}
}

// An addition is what became of a member that was to be added.
type addition int

const (
	skipped addition = iota // an option forbids it
	isSame                  // it had that score
	isAdded
	isUpdated
	isNaN
)

// addScore adds one member and returns the score that it has then.
func addScore(s *value.Scores, member []byte, score float64, o addOptions) (addition, float64) {
	i := s.Index(member)
	if i < 0 {
		if o.xx {
			return skipped, 0
		}
		s.Set(member, score)
		return isAdded, score
	}
	old := (*s)[i].Score
	if o.nx {
		return skipped, 0
	}
	if o.incr {
		if score += old; math.IsNaN(score) {
			return isNaN, 0
		}
	}
	switch {
	case o.lt && score >= old, o.gt && score <= old:
		return skipped, 0
	case score == old:
		return isSame, score
	}
	s.Set(member, score)
	return isUpdated, score
}

func zrem(c *Context) {
	e, ok := c.typed(value.SortedSet)
	if !ok {
		return
	}
	removed := 0
	for _, member := range c.Args[2:] {
		if e.Scores.Delete(member) {
			removed++
		}
	}
	e.Changed = e.Changed || removed > 0
	c.int(removed)
}

func zcard(c *Context) {
	if e, ok := c.typed(value.SortedSet); ok {
		c.int(len(e.Scores))
	}
}

func zscore(c *Context) {
	if e, ok := c.typed(value.SortedSet); ok {
		c.score(e, c.Args[2])
	}
}

// score answers with one member's score.
func (c *Context) score(e *value.Entry, member []byte) {
	if i := e.Scores.Index(member); i >= 0 {
		c.double(e.Scores[i].Score)
	} else {
		c.null()
	}
}

func zmscore(c *Context) {
	if e, ok := c.typed(value.SortedSet); ok {
		c.array(len(c.Args) - 2)
		for _, member := range c.Args[2:] {
			c.score(e, member)
		}
	}
}

func zrank(c *Context) {
	withScore := len(c.Args) == 4 && c.is(3, "WITHSCORE")
	if len(c.Args) > 3 && !withScore {
		c.failArity()
		return
	}
	e, ok := c.typed(value.SortedSet)
	if !ok {
		return
	}
	rank := e.Scores.Index(c.Args[2])
	if rank < 0 {
		if withScore {
			c.Out = c.Version.AppendNullArray(c.Out)
		} else {
			c.null()
		}
		return
	}
	score := e.Scores[rank].Score
	if c.Command.Name == "zrevrank" {
		rank = len(e.Scores) - 1 - rank
	}
	if withScore {
		c.array(2)
	}
	c.int(rank)
	if withScore {
		c.double(score)
	}
}

func zpop(c *Context) {
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
	e, ok := c.typed(value.SortedSet)
	if !ok {
		return
	}
	n = min(n, len(e.Scores))
	popped := make(value.Scores, n)
	if c.Command.Name == "zpopmin" {
		copy(popped, e.Scores)
		e.Scores = e.Scores[n:]
	} else {
		for i := range popped {
			popped[i] = e.Scores[len(e.Scores)-1-i]
		}
		e.Scores = e.Scores[:len(e.Scores)-n]
	}
	e.Changed = e.Changed || n > 0
	c.scores(popped, true, counted)
}

// countArg reads the argument at i as a number that must not be negative. It has
// answered if it is none.
func (c *Context) countArg(i int) (n int, ok bool) {
	if n, ok = resp.ParseInt(c.Args[i]); !ok || n < 0 {
		c.fail(errPositive)
		return 0, false
	}
	return n, true
}

func zscan(c *Context) {
	pattern, ok := c.scanOf(value.SortedSet)
	if !ok {
		return
	}
	var found value.Scores
	for _, s := range c.entry().Scores {
		if pattern == nil || Match(pattern, s.Member) {
			found = append(found, s)
		}
	}
	short := c.entry().Scores.Short()
	c.array(2)
	c.bulk([]byte("0"))
	c.array(2 * len(found))
	for _, s := range found {
		c.bulk(s.Member)
		c.bulk(appendScanned(nil, s.Score, short))
	}
}

// appendScanned appends a score as ZSCAN of Redis 7.0 writes it: a short set's
// list has whole numbers as integers, which it prints with all of their digits.
func appendScanned(dst []byte, score float64, short bool) []byte {
	if short && math.Abs(score) <= 1<<62 && score == math.Trunc(score) {
		return strconv.AppendInt(dst, int64(score), 10)
	}
	return resp.AppendFloat(dst, score)
}
