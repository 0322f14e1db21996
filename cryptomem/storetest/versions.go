package storetest

import (
	"bytes"
	"testing"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

func testVersions(t *testing.T, s *subject) {
	t.Run("differ", func(t *testing.T) {
		name := s.name()
		seen := map[uint64]bool{}
		for range 100 {
			s.set(t, name, s.seal(t, name, "same"), long)
			version := s.version(t, name, false)
			if seen[version] {
				t.Fatalf("version %d is that of two values", version)
			}
			seen[version] = true
		}
	})
	t.Run("stay", func(t *testing.T) {
		name, _ := s.live(t)
		if a, b := s.version(t, name, false), s.version(t, name, false); a != b {
			t.Errorf("reading changed the version from %d to %d", a, b)
		}
	})
	t.Run("swapped", func(t *testing.T) {
		name, _ := s.live(t)
		before := s.version(t, name, false)
		told := s.must(t, &cryptomem.Request{
			Command: cryptomem.CommandSwap, Name: name, Value: s.seal(t, name, "new"), Version: before,
		}).Version
		if after := s.version(t, name, false); told != after || told == before {
			t.Errorf("CAS of version %d told %d, GETV then %d", before, told, after)
		}
	})
	t.Run("deleted", func(t *testing.T) {
		name, _ := s.live(t)
		before := s.version(t, name, false)
		s.must(t, &cryptomem.Request{Command: cryptomem.CommandDelete, Name: name})
		value := s.seal(t, name, "new")
		s.set(t, name, value, long)
		s.refuse(t, &cryptomem.Request{
			Command: cryptomem.CommandSwap, Name: name, Value: s.seal(t, name, "late"), Version: before,
		}, cryptomem.ErrChanged)
		s.holds(t, name, value)
	})
}

// testFences looks at versions as locks need them: each greater than all that the
// name had before.
func testFences(t *testing.T, s *subject) {
	add := func(t *testing.T, name []byte, ttl time.Duration) (value []byte) {
		value = s.seal(t, name, "holder")
		s.must(t, &cryptomem.Request{Command: cryptomem.CommandAdd, Name: name, Value: value, TTL: ttl, Fenced: true})
		return value
	}
	swap := func(t *testing.T, name []byte, version uint64, ttl time.Duration) *cryptomem.Request {
		return &cryptomem.Request{
			Command: cryptomem.CommandSwap, Name: name, Value: s.seal(t, name, "next"), TTL: ttl, Version: version, Fenced: true,
		}
	}
	t.Run("read", func(t *testing.T) {
		name := s.name()
		value := add(t, name, long)
		r := s.must(t, &cryptomem.Request{Command: cryptomem.CommandGetItem, Name: name, Fenced: true})
		if !bytes.Equal(r.Answer, value) || r.Version == 0 {
			t.Errorf("GETV answered %s of version %d, want %s and a version", brief(r.Answer), r.Version, brief(value))
		}
	})
	t.Run("grow", func(t *testing.T) {
		name := s.name()
		add(t, name, long)
		for last, i := s.version(t, name, true), 0; i < 10; i++ {
			next := s.must(t, swap(t, name, last, long)).Version
			if next <= last {
				t.Fatalf("after version %d, CAS made %d", last, next)
			}
			if told := s.version(t, name, true); told != next {
				t.Fatalf("CAS told version %d, and GETV %d", next, told)
			}
			last = next
		}
	})
	t.Run("outlive", func(t *testing.T) {
		name := s.name()
		add(t, name, long)
		last := s.must(t, swap(t, name, s.version(t, name, true), short)).Version
		s.free(t, name, add)
		if next := s.version(t, name, true); next <= last {
			t.Errorf("after version %d expired, ADD made %d", last, next)
		}
	})
	t.Run("exclude", func(t *testing.T) {
		name := s.name()
		add(t, name, long)
		s.refuse(t, &cryptomem.Request{
			Command: cryptomem.CommandAdd, Name: name, Value: s.seal(t, name, "late"), TTL: long, Fenced: true,
		}, cryptomem.ErrExists)
		first := s.version(t, name, true)
		s.must(t, swap(t, name, first, long))
		s.refuse(t, swap(t, name, first, long), cryptomem.ErrChanged)
		s.refuse(t, swap(t, s.name(), first, long), cryptomem.ErrNotFound)
	})
}

// free adds to a name whose lock is about to expire.
func (s *subject) free(t *testing.T, name []byte, add func(*testing.T, []byte, time.Duration) []byte) {
	t.Helper()
	if c, ok := s.store.(Clocked); ok {
		c.Advance(short + slack)
		add(t, name, long)
		return
	}
	s.eventually(t, "a lock that has expired can be taken", func() bool {
		return s.do(t, &cryptomem.Request{
			Command: cryptomem.CommandAdd, Name: name, Value: s.seal(t, name, "next"), TTL: long, Fenced: true,
		}) == nil
	})
}
