package storetest

import (
	"bytes"
	"testing"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// allBytes has each byte once.
var allBytes = func() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}()

// testNames looks at names that are hard to tell apart. All of them are there at
// once.
func testNames(t *testing.T, s *subject) {
	var names [][]byte
	all := func(t *testing.T, more ...string) {
		t.Helper()
		names = names[:0]
		for _, name := range more {
			names = append(names, append([]byte(s.prefix), name...))
		}
		values := make([][]byte, len(names))
		for i, name := range names {
			values[i] = s.seal(t, name, more[i])
			s.set(t, name, values[i], long)
		}
		for i, name := range names {
			s.holds(t, name, values[i])
		}
		s.must(t, &cryptomem.Request{Command: cryptomem.CommandDelete, Name: names[0]})
		s.holdsNothing(t, names[0])
		for i, name := range names[1:] {
			s.holds(t, name, values[i+1])
		}
	}
	t.Run("alike", func(t *testing.T) { all(t, "a", "A", "a ", " a", "aa", "", "\u00e4", "a\u0308") })
	t.Run("binary", func(t *testing.T) {
		all(t, string(allBytes), "a\x00", "a\x00b", "a\x00c", "\r\n", "\r\n\r\n", "$1\r\na\r\n", "\xff\xfe", "{a}b", "{a}c", "*", "?", "[a]", `\`)
	})
	t.Run("longest", func(t *testing.T) {
		longest := bytes.Repeat([]byte("n"), wire.MaxKeySize-len(s.prefix))
		other := append(bytes.Clone(longest[:len(longest)-1]), 'm')
		all(t, string(longest), string(other), string(longest[:len(longest)-1]), string(longest[:255]), string(longest[:256]))
	})
}

func testValues(t *testing.T, s *subject) {
	for _, v := range []struct {
		name  string
		value []byte
	}{
		{"empty", []byte{}},
		{"one byte", []byte{0}},
		{"binary", allBytes},
		{"protocol", []byte("\r\n$-1\r\n+OK\r\n")},
		{"large", bytes.Repeat(allBytes, 400)},
		{"largest", bytes.Repeat(allBytes, cryptomem.DefaultMaxValueSize/len(allBytes))},
	} {
		t.Run(v.name, func(t *testing.T) {
			name := s.name()
			s.set(t, name, v.value, long)
			s.holds(t, name, v.value)
			// over one of the same size
			s.set(t, name, v.value, long)
			s.holds(t, name, v.value)
			r := s.must(t, &cryptomem.Request{Command: cryptomem.CommandGetDel, Name: name})
			if !bytes.Equal(r.Answer, v.value) {
				t.Errorf("GETDEL answered %s, want %s", brief(r.Answer), brief(v.value))
			}
		})
	}
	t.Run("too large", func(t *testing.T) {
		// Refused, or stored: but never a part of it.
		name := s.name()
		value := bytes.Repeat(allBytes, 8*cryptomem.DefaultMaxValueSize/len(allBytes))
		if s.do(t, &cryptomem.Request{Command: cryptomem.CommandSet, Name: name, Value: value, TTL: long}) == nil {
			s.holds(t, name, value)
		} else {
			s.holdsNothing(t, name)
		}
	})
}

// testSlices looks at whose the bytes are: all of a request is the caller's again
// once Do has returned.
func testSlices(t *testing.T, s *subject) {
	t.Run("request", func(t *testing.T) {
		name := s.name()
		value := s.seal(t, name, "value")
		sentName, sentValue := bytes.Clone(name), bytes.Clone(value)
		s.set(t, sentName, sentValue, long)
		clear(sentName)
		clear(sentValue)
		s.holds(t, name, value)
	})
	t.Run("answer", func(t *testing.T) {
		name, value := s.live(t)
		for _, command := range []cryptomem.Command{cryptomem.CommandGet, cryptomem.CommandGetItem} {
			r := s.must(t, &cryptomem.Request{Command: command, Name: name})
			clear(r.Answer[:cap(r.Answer)])
			s.holds(t, name, value)
		}
	})
	t.Run("room", func(t *testing.T) {
		name, value := s.live(t)
		for _, size := range []int{0, 1, len(value), 2 * len(value)} {
			room := bytes.Repeat([]byte("x"), size)
			r := s.must(t, &cryptomem.Request{Command: cryptomem.CommandGet, Name: name, Answer: room})
			if !bytes.Equal(r.Answer, value) {
				t.Errorf("with room of %d bytes, GET answered %s, want %s", size, brief(r.Answer), brief(value))
			}
		}
	})
}
