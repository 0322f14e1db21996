package storetest

import (
	"bytes"
	"testing"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// The outcome of each command follows from what is under the name: something that
// lives, nothing, or what was there and has expired, which is nothing.

func testGet(t *testing.T, s *subject) {
	t.Run("live", func(t *testing.T) {
		name, value := s.live(t)
		s.holds(t, name, value)
		s.holds(t, name, value)
	})
	t.Run("absent", func(t *testing.T) { s.holdsNothing(t, s.name()) })
	t.Run("expired", func(t *testing.T) { s.holdsNothing(t, s.expired(t)) })
}

func testGetItem(t *testing.T, s *subject) {
	get := func(name []byte) *cryptomem.Request {
		return &cryptomem.Request{Command: cryptomem.CommandGetItem, Name: name}
	}
	t.Run("live", func(t *testing.T) {
		name, value := s.live(t)
		if r := s.must(t, get(name)); !bytes.Equal(r.Answer, value) {
			t.Errorf("GETV answered %s, want %s", brief(r.Answer), brief(value))
		}
	})
	t.Run("remaining", func(t *testing.T) {
		name, _ := s.live(t)
		passed := time.Duration(0)
		if c, ok := s.store.(Clocked); ok {
			passed = time.Minute
			c.Advance(passed)
		}
		// A store that does not know says 0.
		if left := s.must(t, get(name)).Remaining; left != 0 && (left > long-passed+slack || left < long-passed-patience) {
			t.Errorf("after %v of %v, GETV tells that %v remain", passed, long, left)
		}
		name = s.name()
		s.set(t, name, s.seal(t, name, "for good"), 0)
		if left := s.must(t, get(name)).Remaining; left != 0 {
			t.Errorf("GETV tells that %v remain of what has no expiry; want 0", left)
		}
	})
	t.Run("absent", func(t *testing.T) { s.refuse(t, get(s.name()), cryptomem.ErrNotFound) })
	t.Run("expired", func(t *testing.T) { s.refuse(t, get(s.expired(t)), cryptomem.ErrNotFound) })
}

func testSet(t *testing.T, s *subject) {
	for _, at := range s.states() {
		t.Run(at.name, func(t *testing.T) {
			name, _ := at.make(t)
			value := s.seal(t, name, "new")
			s.set(t, name, value, long)
			s.holds(t, name, value)
		})
	}
}

func testAdd(t *testing.T, s *subject) {
	s.conditional(t, cryptomem.CommandAdd, cryptomem.ErrExists, nil)
}

func testReplace(t *testing.T, s *subject) {
	s.conditional(t, cryptomem.CommandReplace, nil, cryptomem.ErrNotFound)
}

func testSwap(t *testing.T, s *subject) {
	swap := func(t *testing.T, name []byte, version uint64) (*cryptomem.Request, []byte) {
		value := s.seal(t, name, "new")
		return &cryptomem.Request{Command: cryptomem.CommandSwap, Name: name, Value: value, TTL: long, Version: version}, value
	}
	t.Run("live", func(t *testing.T) {
		name, _ := s.live(t)
		r, value := swap(t, name, s.version(t, name, false))
		s.must(t, r)
		s.holds(t, name, value)
	})
	t.Run("changed", func(t *testing.T) {
		name, _ := s.live(t)
		version := s.version(t, name, false)
		value := s.seal(t, name, "of another client")
		s.set(t, name, value, long)
		r, _ := swap(t, name, version)
		s.refuse(t, r, cryptomem.ErrChanged)
		s.holds(t, name, value)
	})
	t.Run("absent", func(t *testing.T) {
		name := s.name()
		r, _ := swap(t, name, 1)
		s.refuse(t, r, cryptomem.ErrNotFound)
		s.holdsNothing(t, name)
	})
	t.Run("expired", func(t *testing.T) {
		name := s.name()
		s.set(t, name, s.seal(t, name, "expired"), long)
		version := s.version(t, name, false)
		r, _ := swap(t, name, version)
		r.TTL = short
		version = s.must(t, r).Version
		s.expire(t, name, short)
		r, _ = swap(t, name, version)
		s.refuse(t, r, cryptomem.ErrNotFound)
		s.holdsNothing(t, name)
	})
}

func testDelete(t *testing.T, s *subject) {
	s.removal(t, cryptomem.CommandDelete, func(*testing.T, *cryptomem.Request, []byte) {})
}

func testGetDel(t *testing.T, s *subject) {
	s.removal(t, cryptomem.CommandGetDel, func(t *testing.T, r *cryptomem.Request, value []byte) {
		if !bytes.Equal(r.Answer, value) {
			t.Errorf("GETDEL answered %s, want %s", brief(r.Answer), brief(value))
		}
	})
}

// A state is what can be under a name.
type state struct {
	name string
	// Value is nil for nothing.
	make func(t *testing.T) (name, value []byte)
}

func (s *subject) states() []state {
	return []state{
		{"live", s.live},
		{"absent", func(*testing.T) ([]byte, []byte) { return s.name(), nil }},
		{"expired", func(t *testing.T) ([]byte, []byte) { t.Helper(); return s.expired(t), nil }},
	}
}

// conditional tests a command that stores by what is there: with an error, what
// was there stays.
func (s *subject) conditional(t *testing.T, command cryptomem.Command, onLive, onNothing error) {
	for _, at := range s.states() {
		t.Run(at.name, func(t *testing.T) {
			name, old := at.make(t)
			value := s.seal(t, name, "new")
			r := &cryptomem.Request{Command: command, Name: name, Value: value, TTL: long}
			want := onNothing
			if old != nil {
				want = onLive
			}
			switch {
			case want == nil:
				s.must(t, r)
				s.holds(t, name, value)
			case old == nil:
				s.refuse(t, r, want)
				s.holdsNothing(t, name)
			default:
				s.refuse(t, r, want)
				s.holds(t, name, old)
			}
		})
	}
}

// removal tests a command that removes: once it has, there is nothing.
func (s *subject) removal(t *testing.T, command cryptomem.Command, look func(*testing.T, *cryptomem.Request, []byte)) {
	for _, at := range s.states() {
		t.Run(at.name, func(t *testing.T) {
			name, old := at.make(t)
			r := &cryptomem.Request{Command: command, Name: name}
			if old == nil {
				s.refuse(t, r, cryptomem.ErrNotFound)
				return
			}
			look(t, s.must(t, r), old)
			s.holdsNothing(t, name)
			s.refuse(t, &cryptomem.Request{Command: command, Name: name}, cryptomem.ErrNotFound)
		})
	}
}
