package pipeline

// A line is the calls that wait for room on a connection, in the order in which they
// came. It is a linked list of the calls themselves, so that any of them can leave at
// the same cost: when a server stops answering, the contexts of many calls end at
// once.
type line struct {
	first, last *Call
}

func (l *line) empty() bool { return l.first == nil }

// join puts c at the end.
func (l *line) join(now int64, c *Call) {
	c.state, c.since, c.ahead, c.behind = callWaiting, now, l.last, nil
	if l.last == nil {
		l.first = c
	} else {
		l.last.behind = c
	}
	l.last = c
}

// leave removes c, which must be in the line.
func (l *line) leave(c *Call) {
	if c.ahead == nil {
		l.first = c.behind
	} else {
		c.ahead.behind = c.behind
	}
	if c.behind == nil {
		l.last = c.ahead
	} else {
		c.behind.ahead = c.ahead
	}
	c.state, c.ahead, c.behind = callIdle, nil, nil
}
