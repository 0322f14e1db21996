package cryptomem

// Waiting returns how many callers wait for the load of key under way.
func (c *Client) Waiting(key string) int {
	c.flights.mu.Lock()
	defer c.flights.mu.Unlock()
	if f := c.flights.byKey[key]; f != nil {
		return f.waiting
	}
	return 0
}
