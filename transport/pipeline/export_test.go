package pipeline

// Waiting returns how many calls wait for room on the connection.
func Waiting(c *Conn) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting)
}
