package cryptomem

import "time"

// Waiting returns how many callers wait for the load of key under way.
func (c *Client) Waiting(key string) int {
	c.flights.mu.Lock()
	defer c.flights.mu.Unlock()
	if f := c.flights.byKey[key]; f != nil {
		return f.waiting
	}
	return 0
}

// Counting returns how many increments of key wait for the swap under way to
// end; -1 if there is none.
func (c *Client) Counting(key string) int {
	c.counters.mu.Lock()
	defer c.counters.mu.Unlock()
	if waiting, running := c.counters.byKey[key]; running {
		return len(waiting)
	}
	return -1
}

// Pause returns the longest wait before a dial after so many failures in a row.
func Pause(failures int, minimum, maximum time.Duration) time.Duration {
	o := options{minBackoff: minimum, maxBackoff: maximum}
	return o.pause(failures)
}

// KeysWithTurns returns how many keys have updates under way or waiting.
func KeysWithTurns(c *Client) int {
	c.updates.mu.Lock()
	defer c.updates.mu.Unlock()
	return len(c.updates.byKey)
}

// Turns returns how many updates of key are under way or wait for their turn.
func Turns(c *Client, key string) int {
	c.updates.mu.Lock()
	defer c.updates.mu.Unlock()
	if u := c.updates.byKey[key]; u != nil {
		return u.users
	}
	return 0
}
