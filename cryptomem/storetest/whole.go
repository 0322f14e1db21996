package storetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

func testFlush(t *testing.T, s *subject) {
	flush := func(t *testing.T, prefix []byte, want uint64) {
		t.Helper()
		if r := s.must(t, &cryptomem.Request{Command: cryptomem.CommandFlush, Name: prefix}); r.Count != want {
			t.Errorf("FLUSH of %q told that it removed %d, want %d", prefix, r.Count, want)
		}
	}
	t.Run("nothing", func(t *testing.T) { flush(t, s.name(), 0) })
	t.Run("prefix", func(t *testing.T) {
		base := string(s.name())
		// The last ones only look like the prefix to who takes it for a pattern, or
		// finds it anywhere.
		prefix := base + "a*[b]?\\"
		names := []string{prefix + "1", prefix + "2", prefix, base + "a1[b]x\\1", base + "aXXb?\\1", base + "other", "x" + prefix}
		values := map[string][]byte{}
		for _, name := range names {
			values[name] = s.seal(t, []byte(name), name)
			s.set(t, []byte(name), values[name], long)
		}
		flush(t, []byte(prefix), 3)
		for _, name := range names[:3] {
			s.holdsNothing(t, []byte(name))
		}
		for _, name := range names[3:] {
			s.holds(t, []byte(name), values[name])
		}
		s.must(t, &cryptomem.Request{Command: cryptomem.CommandDelete, Name: []byte("x" + prefix)})
	})
	t.Run("many", func(t *testing.T) {
		const n = 1500
		base := s.name()
		rs := make([]*cryptomem.Request, n)
		for i := range rs {
			name := append(append(bytes.Clone(base), '/'), s.name()...)
			rs[i] = &cryptomem.Request{Command: cryptomem.CommandSet, Name: name, Value: s.seal(t, name, "value"), TTL: long}
		}
		s.doAll(t, rs)
		flush(t, append(base, '/'), n)
		s.holdsNothing(t, rs[n/2].Name)
	})
}

func testPing(t *testing.T, s *subject) {
	for _, sign := range []string{"ping", "", string(allBytes)} {
		r := s.must(t, &cryptomem.Request{Command: cryptomem.CommandPing, Value: []byte(sign)})
		if string(r.Answer) != sign {
			t.Errorf("PING of %q was answered %q", sign, r.Answer)
		}
	}
}

func testStats(t *testing.T, s *subject) {
	t.Run("all", func(t *testing.T) {
		r := s.must(t, &cryptomem.Request{Command: cryptomem.CommandStats})
		if !json.Valid(r.Answer) {
			t.Errorf("STATS answered what is no JSON: %s", brief(r.Answer))
		}
	})
	t.Run("no such section", func(t *testing.T) {
		if s.do(t, &cryptomem.Request{Command: cryptomem.CommandStats, Name: []byte("no such section")}) == nil {
			t.Error("STATS of a section that no store has ended in success")
		}
	})
}

// testUnknown asks for a command that does not exist, and then for one that does.
func testUnknown(t *testing.T, s *subject) {
	name, value := s.live(t)
	r := &cryptomem.Request{Command: cryptomem.Command(200), Name: name, Value: []byte("value")}
	if err := s.store.Do(t.Context(), r); !errors.Is(err, cryptomem.ErrNotSupported) {
		t.Errorf("a command that does not exist ended in %v, want %q", quoted(err), cryptomem.ErrNotSupported)
	}
	s.holds(t, name, value)
}
