package pipeline

// Waiting returns how many calls wait for room on the connection.
func Waiting(c *Conn) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for call := c.waiting.first; call != nil; call = call.behind {
		n++
	}
	return n
}

// Unsent returns how many bytes of requests have not left.
func Unsent(c *Conn) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.engine.out) - c.engine.sent
}

// Left reports whether all requests have left.
func Left(c *Conn) bool { return Unsent(c) == 0 }

// InFlight returns how many requests are unanswered.
func InFlight(c *Conn) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.engine.InFlight()
}

// TakeTurn is what the reading goroutine does before it hands out so many answers.
func TakeTurn(c *Conn, answers int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.takeTurn(answers)
}

// WriteTurn is what the reading goroutine does after it has handed out answers.
func WriteTurn(c *Conn) { c.writeTurn() }
