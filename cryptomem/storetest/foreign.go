package storetest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// testForeign looks at names that hold what no Client wrote. Bytes that are no
// envelope are the seal's to refuse, so the store hands them out as they are. What
// is no value at all is never taken for one.
func testForeign(t *testing.T, s *subject) {
	bytesOf := func(t *testing.T) (name, value []byte) {
		t.Helper()
		name, value = s.name(), []byte("no envelope")
		s.set(t, name, value, long)
		return name, value
	}
	t.Run("bytes", func(t *testing.T) {
		name, value := bytesOf(t)
		s.holds(t, name, value)
		sealed := s.seal(t, name, "new")
		s.set(t, name, sealed, long)
		s.holds(t, name, sealed)
	})
	t.Run("bytes with a version", func(t *testing.T) {
		name, value := bytesOf(t)
		r := s.must(t, &cryptomem.Request{Command: cryptomem.CommandGetItem, Name: name})
		if !bytes.Equal(r.Answer, value) {
			t.Errorf("GETV answered %s, want %s", brief(r.Answer), brief(value))
		}
		sealed := s.seal(t, name, "new")
		// A version taken from an envelope says nothing about what is none.
		switch err := s.do(t, &cryptomem.Request{Command: cryptomem.CommandSwap, Name: name, Value: sealed, Version: r.Version}); {
		case err == nil:
			s.holds(t, name, sealed)
		case errors.Is(err, cryptomem.ErrChanged):
			s.holds(t, name, value)
		default:
			t.Errorf("CAS of foreign bytes ended in %q, want success or %q", err, cryptomem.ErrChanged)
		}
	})
	t.Run("bytes removed", func(t *testing.T) {
		name, value := bytesOf(t)
		if r := s.must(t, &cryptomem.Request{Command: cryptomem.CommandGetDel, Name: name}); !bytes.Equal(r.Answer, value) {
			t.Errorf("GETDEL answered %s, want %s", brief(r.Answer), brief(value))
		}
		s.holdsNothing(t, name)
	})
	t.Run("no value", func(t *testing.T) {
		f, ok := s.store.(Foreign)
		if !ok {
			t.Skip("the store cannot be shared with other programs")
		}
		for _, command := range []cryptomem.Command{
			cryptomem.CommandGet, cryptomem.CommandGetItem, cryptomem.CommandAdd, cryptomem.CommandSwap, cryptomem.CommandGetDel,
		} {
			name := s.name()
			f.PutForeign(t, name)
			if err := s.do(t, &cryptomem.Request{Command: command, Name: name, Value: s.seal(t, name, "new"), Version: 1}); err == nil {
				t.Errorf("%v took for a value what is none", command)
			}
		}
	})
}
