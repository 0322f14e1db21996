package storetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"testing"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport/wire"
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

func testScan(t *testing.T, s *subject) {
	base := string(s.name())
	prefix := base + "a*[b]?\\"
	const n = 700
	want := map[string]bool{}
	rs := make([]*cryptomem.Request, n)
	for i := range rs {
		name := []byte(prefix + strconv.Itoa(i))
		want[string(name)] = true
		rs[i] = &cryptomem.Request{Command: cryptomem.CommandSet, Name: name, Value: s.seal(t, name, "value"), TTL: long}
	}
	s.doAll(t, rs)
	s.set(t, []byte(base+"aXXb?\\"), s.seal(t, []byte(base+"aXXb?\\"), "only looks like the prefix"), long)
	found := map[string]bool{}
	for cursor, steps := uint64(0), 0; ; steps++ {
		r := s.must(t, &cryptomem.Request{Command: cryptomem.CommandScan, Name: []byte(prefix), Cursor: cursor, Count: 50})
		for rest := r.Answer; len(rest) > 0; {
			var name []byte
			var err error
			if name, rest, err = wire.CutName(rest); err != nil {
				t.Fatal(err)
			}
			if !want[string(name)] {
				t.Errorf("SCAN of %q told %q", prefix, name)
			}
			found[string(name)] = true
		}
		if cursor = r.Cursor; cursor == 0 {
			break
		}
		if steps > 1_000_000 {
			t.Fatal("SCAN does not end")
		}
	}
	if len(found) != n {
		t.Errorf("SCAN told %d names, want %d", len(found), n)
	}
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
