package scsstore

import "github.com/benbjohnson/clock"

// SetClock tells s the time in place of the real clock, which scs goes by.
func SetClock(s *Store, clk clock.Clock) { s.clock = clk }
