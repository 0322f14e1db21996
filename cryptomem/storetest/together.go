package storetest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// testTogether looks at a store that changes several names in one step. Its names
// are those of one hash slot, for stores that have such.
func testTogether(t *testing.T, s *subject) {
	swapper, ok := s.store.(cryptomem.Swapper)
	if !ok {
		t.Skip("the store changes one name at a time")
	}
	name := func() []byte { return append([]byte("{together}"), s.name()...) }
	live := func(t *testing.T) (key, value []byte, version uint64) {
		key = name()
		value = s.seal(t, key, "live")
		s.set(t, key, value, long)
		return key, value, s.version(t, key, false)
	}
	swapAll := func(t *testing.T, want error, rs ...*cryptomem.Request) {
		t.Helper()
		ctx, cancel := wall.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := swapper.SwapAll(ctx, rs); !errors.Is(err, want) {
			t.Errorf("SwapAll ended in %v, want %v", quoted(err), quoted(want))
		}
		for i, r := range rs {
			if !errors.Is(r.Err, want) {
				t.Errorf("request %d of SwapAll ended in %v, want %v", i, quoted(r.Err), quoted(want))
			}
		}
	}

	t.Run("all", func(t *testing.T) {
		swapped, _, version := live(t)
		set, _, _ := live(t)
		seen, seenValue, seenVersion := live(t)
		added, absent := name(), name()
		values := map[string][]byte{}
		for _, n := range [][]byte{swapped, set, added} {
			values[string(n)] = s.seal(t, n, "new")
		}
		rs := []*cryptomem.Request{
			{Command: cryptomem.CommandSwap, Name: swapped, Value: values[string(swapped)], TTL: long, Version: version},
			{Command: cryptomem.CommandSet, Name: set, Value: values[string(set)], TTL: long},
			{Command: cryptomem.CommandAdd, Name: added, Value: values[string(added)]},
			{Command: cryptomem.CommandGetItem, Name: seen, Version: seenVersion},
			{Command: cryptomem.CommandGetItem, Name: absent},
		}
		names := make([][]byte, len(rs))
		for i, r := range rs {
			names[i] = r.Name
		}
		if !swapper.Together(names) {
			t.Error("Together says that SwapAll does not take what it takes")
		}
		swapAll(t, nil, rs...)
		for n, value := range values {
			s.holds(t, []byte(n), value)
		}
		s.holds(t, seen, seenValue)
		s.holdsNothing(t, absent)
		if told, is := rs[0].Version, s.version(t, swapped, false); told != is {
			t.Errorf("SwapAll told version %d, GETV then %d", told, is)
		}
	})
	for what, spoil := range map[string]func(t *testing.T) *cryptomem.Request{
		"swap of another version": func(t *testing.T) *cryptomem.Request {
			n, _, version := live(t)
			return &cryptomem.Request{Command: cryptomem.CommandSwap, Name: n, Value: s.seal(t, n, "new"), Version: version + 1}
		},
		"swap of nothing": func(t *testing.T) *cryptomem.Request {
			n := name()
			return &cryptomem.Request{Command: cryptomem.CommandSwap, Name: n, Value: s.seal(t, n, "new"), Version: 1}
		},
		"add of something": func(t *testing.T) *cryptomem.Request {
			n, _, _ := live(t)
			return &cryptomem.Request{Command: cryptomem.CommandAdd, Name: n, Value: s.seal(t, n, "new")}
		},
		"another version seen": func(t *testing.T) *cryptomem.Request {
			n, _, version := live(t)
			return &cryptomem.Request{Command: cryptomem.CommandGetItem, Name: n, Version: version + 1}
		},
		"something seen as nothing": func(t *testing.T) *cryptomem.Request {
			n, _, _ := live(t)
			return &cryptomem.Request{Command: cryptomem.CommandGetItem, Name: n}
		},
	} {
		t.Run("none/"+what, func(t *testing.T) {
			first, old, version := live(t)
			last := name()
			swapAll(t, cryptomem.ErrChanged,
				&cryptomem.Request{Command: cryptomem.CommandSwap, Name: first, Value: s.seal(t, first, "new"), Version: version},
				spoil(t),
				&cryptomem.Request{Command: cryptomem.CommandSet, Name: last, Value: s.seal(t, last, "new")})
			s.holds(t, first, old)
			s.holdsNothing(t, last)
		})
	}
	t.Run("sealed late", func(t *testing.T) {
		n := name()
		value := s.seal(t, n, "sealed late")
		swapAll(t, nil, &cryptomem.Request{
			Command: cryptomem.CommandSet, Name: n,
			Sealer: sealFunc(func(r *cryptomem.Request) error { r.Value, r.TTL = bytes.Clone(value), long; return nil }),
		})
		s.holds(t, n, value)
		refused := errors.New("no key")
		other := name()
		swapAll(t, refused,
			&cryptomem.Request{Command: cryptomem.CommandSet, Name: other, Value: s.seal(t, other, "new")},
			&cryptomem.Request{Command: cryptomem.CommandSet, Name: n, Sealer: sealFunc(func(*cryptomem.Request) error { return refused })})
		s.holdsNothing(t, other)
	})
	t.Run("expiring", func(t *testing.T) {
		n := name()
		swapAll(t, nil, &cryptomem.Request{Command: cryptomem.CommandAdd, Name: n, Value: s.seal(t, n, "new"), TTL: short})
		s.expire(t, n, short)
		s.holdsNothing(t, n)
	})
}
