package adapter

import (
	"fmt"
)

// Owe leaves no room for one more deletion that s has to remember.
func Owe(s *Store) {
	for i := range maxOwed {
		s.owed.add(fmt.Sprint(i))
	}
}

// CountLocally leaves no room for one more name that c counts for itself.
func CountLocally(c *Counter, w Window) {
	for i := range maxLocal {
		c.local.add(fmt.Sprint(i), w, 1)
	}
}

// Locals returns how many names c counts for itself.
func Locals(c *Counter) int { return len(c.local.counts) }

// MaxLocal is how many they are at most.
const MaxLocal = maxLocal
