package storetest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// testTogether looks at a store that changes several names in one step.
func testTogether(t *testing.T, s *subject) {
	swapper, ok := s.store.(cryptomem.Swapper)
	if !ok {
		t.Skip("the store changes one name at a time")
	}
	sw := &swapSubject{subject: s, swapper: swapper}
	t.Run("all", sw.all)
	for what, spoil := range map[string]func(t *testing.T) *cryptomem.Request{
		"swap of another version":   sw.swapOfAnotherVersion,
		"swap of nothing":           sw.swapOfNothing,
		"add of something":          sw.addOfSomething,
		"another version seen":      sw.anotherVersionSeen,
		"something seen as nothing": sw.somethingSeenAsNothing,
	} {
		t.Run("none/"+what, func(t *testing.T) { sw.none(t, spoil(t)) })
	}
	t.Run("sealed late", sw.sealedLate)
	t.Run("expiring", sw.expiring)
}

// A swapSubject is a subject that changes several names in one step.
type swapSubject struct {
	*subject
	swapper cryptomem.Swapper
}

// name returns a new name, in the same hash slot as the others for stores that have
// such.
func (s *swapSubject) name() []byte { return append([]byte("{together}"), s.subject.name()...) }

// live stores a value under a new name.
func (s *swapSubject) live(t *testing.T) (name, value []byte, version uint64) {
	name = s.name()
	value = s.seal(t, name, "live")
	s.set(t, name, value, long)
	return name, value, s.version(t, name, false)
}

func (s *swapSubject) swapAll(t *testing.T, want error, rs ...*cryptomem.Request) {
	t.Helper()
	ctx, cancel := wall.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.swapper.SwapAll(ctx, rs); !errors.Is(err, want) {
		t.Errorf("SwapAll ended in %v, want %v", quoted(err), quoted(want))
	}
	for i, r := range rs {
		if !errors.Is(r.Err, want) {
			t.Errorf("request %d of SwapAll ended in %v, want %v", i, quoted(r.Err), quoted(want))
		}
	}
}

// all expects that requests which all apply are all executed.
func (s *swapSubject) all(t *testing.T) {
	swapped, _, version := s.live(t)
	set, _, _ := s.live(t)
	seen, seenValue, seenVersion := s.live(t)
	added, absent := s.name(), s.name()
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
	if !s.swapper.Together(names) {
		t.Error("Together says that SwapAll does not take what it takes")
	}
	s.swapAll(t, nil, rs...)
	for n, value := range values {
		s.holds(t, []byte(n), value)
	}
	s.holds(t, seen, seenValue)
	s.holdsNothing(t, absent)
	if told, is := rs[0].Version, s.version(t, swapped, false); told != is {
		t.Errorf("SwapAll told version %d, GETV then %d", told, is)
	}
}

// none expects that a request that does not apply keeps those around it from being
// executed.
func (s *swapSubject) none(t *testing.T, spoiling *cryptomem.Request) {
	first, old, version := s.live(t)
	last := s.name()
	s.swapAll(t, cryptomem.ErrChanged,
		&cryptomem.Request{Command: cryptomem.CommandSwap, Name: first, Value: s.seal(t, first, "new"), Version: version},
		spoiling,
		&cryptomem.Request{Command: cryptomem.CommandSet, Name: last, Value: s.seal(t, last, "new")})
	s.holds(t, first, old)
	s.holdsNothing(t, last)
}

func (s *swapSubject) swapOfAnotherVersion(t *testing.T) *cryptomem.Request {
	n, _, version := s.live(t)
	return &cryptomem.Request{Command: cryptomem.CommandSwap, Name: n, Value: s.seal(t, n, "new"), Version: version + 1}
}

func (s *swapSubject) swapOfNothing(t *testing.T) *cryptomem.Request {
	n := s.name()
	return &cryptomem.Request{Command: cryptomem.CommandSwap, Name: n, Value: s.seal(t, n, "new"), Version: 1}
}

func (s *swapSubject) addOfSomething(t *testing.T) *cryptomem.Request {
	n, _, _ := s.live(t)
	return &cryptomem.Request{Command: cryptomem.CommandAdd, Name: n, Value: s.seal(t, n, "new")}
}

func (s *swapSubject) anotherVersionSeen(t *testing.T) *cryptomem.Request {
	n, _, version := s.live(t)
	return &cryptomem.Request{Command: cryptomem.CommandGetItem, Name: n, Version: version + 1}
}

func (s *swapSubject) somethingSeenAsNothing(t *testing.T) *cryptomem.Request {
	n, _, _ := s.live(t)
	return &cryptomem.Request{Command: cryptomem.CommandGetItem, Name: n}
}

// sealedLate leaves sealing to the store, and refuses it the second time.
func (s *swapSubject) sealedLate(t *testing.T) {
	n := s.name()
	value := s.seal(t, n, "sealed late")
	s.swapAll(t, nil, &cryptomem.Request{
		Command: cryptomem.CommandSet, Name: n,
		Sealer: sealFunc(func(r *cryptomem.Request) error { r.Value, r.TTL = bytes.Clone(value), long; return nil }),
	})
	s.holds(t, n, value)
	refused := errors.New("no key")
	other := s.name()
	s.swapAll(t, refused,
		&cryptomem.Request{Command: cryptomem.CommandSet, Name: other, Value: s.seal(t, other, "new")},
		&cryptomem.Request{Command: cryptomem.CommandSet, Name: n, Sealer: sealFunc(func(*cryptomem.Request) error { return refused })})
	s.holdsNothing(t, other)
}

func (s *swapSubject) expiring(t *testing.T) {
	n := s.name()
	s.swapAll(t, nil, &cryptomem.Request{Command: cryptomem.CommandAdd, Name: n, Value: s.seal(t, n, "new"), TTL: short})
	s.expire(t, n, short)
	s.holdsNothing(t, n)
}
