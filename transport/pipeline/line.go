package pipeline

// A line is the calls that wait for room on a connection, in the order of their
// coming. It goes through the calls themselves, so that leaving it costs the
// same wherever one stands: when a server stops answering, all of a crowd's
// contexts end at once.
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

// leave takes c out, which stands in the line.
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
