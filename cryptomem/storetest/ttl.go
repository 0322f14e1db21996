package storetest

import (
	"math"
	"testing"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

func testTTL(t *testing.T, s *subject) {
	t.Run("lasts", func(t *testing.T) {
		c, ok := s.store.(Clocked)
		if !ok {
			t.Skip("the store's time is its own")
		}
		for _, ttl := range []time.Duration{time.Millisecond, time.Second, 1500 * time.Millisecond, 24 * time.Hour, 365 * 24 * time.Hour} {
			name := s.name()
			value := s.seal(t, name, "value")
			s.set(t, name, value, ttl)
			c.Advance(ttl - 1)
			s.holds(t, name, value)
			c.Advance(1 + slack)
			s.holdsNothing(t, name)
		}
	})
	t.Run("nanosecond", func(t *testing.T) {
		name := s.name()
		s.set(t, name, s.seal(t, name, "value"), 1)
		s.expire(t, name, short)
		s.holdsNothing(t, name)
	})
	t.Run("longest", func(t *testing.T) {
		name := s.name()
		value := s.seal(t, name, "value")
		s.set(t, name, value, math.MaxInt64)
		s.holds(t, name, value)
	})
	t.Run("none", func(t *testing.T) {
		name := s.name()
		value := s.seal(t, name, "value")
		s.set(t, name, value, 0)
		if c, ok := s.store.(Clocked); ok {
			c.Advance(10 * 365 * 24 * time.Hour)
		}
		s.holds(t, name, value)
	})
	for _, command := range []cryptomem.Command{cryptomem.CommandSet, cryptomem.CommandReplace, cryptomem.CommandSwap} {
		t.Run("replaced by "+command.String(), func(t *testing.T) { s.replacesTTL(t, command) })
	}
}

// replacesTTL demands that what is stored over something has its own TTL.
func (s *subject) replacesTTL(t *testing.T, command cryptomem.Command) {
	over := func(t *testing.T, old, ttl time.Duration) (name, value []byte) {
		name = s.name()
		s.set(t, name, s.seal(t, name, "old"), old)
		value = s.seal(t, name, "new")
		r := &cryptomem.Request{Command: command, Name: name, Value: value, TTL: ttl}
		if command == cryptomem.CommandSwap {
			r.Version = s.version(t, name, false)
		}
		s.must(t, r)
		return name, value
	}
	t.Run("shorter", func(t *testing.T) {
		for _, old := range []time.Duration{long, 0} {
			name, _ := over(t, old, short)
			s.expire(t, name, short)
			s.holdsNothing(t, name)
		}
	})
	t.Run("longer", func(t *testing.T) {
		c, ok := s.store.(Clocked)
		if !ok {
			t.Skip("the store's time is its own")
		}
		for _, ttl := range []time.Duration{2 * long, 0} {
			name, value := over(t, long, ttl)
			c.Advance(long + slack)
			s.holds(t, name, value)
		}
	})
}
