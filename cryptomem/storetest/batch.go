package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// A sealFunc is a Sealer.
type sealFunc func(*cryptomem.Request) error

func (f sealFunc) SealRequest(r *cryptomem.Request) error { return f(r) }

// testSealer looks at values that are made when they are about to be sent.
func testSealer(t *testing.T, s *subject) {
	for _, command := range []cryptomem.Command{cryptomem.CommandSet, cryptomem.CommandAdd, cryptomem.CommandReplace, cryptomem.CommandSwap} {
		t.Run(command.String(), func(t *testing.T) {
			name := s.name()
			r := &cryptomem.Request{Command: command, Name: name}
			if command == cryptomem.CommandReplace || command == cryptomem.CommandSwap {
				s.set(t, name, s.seal(t, name, "old"), long)
			}
			if command == cryptomem.CommandSwap {
				r.Version = s.version(t, name, false)
			}
			var value []byte
			r.Sealer = sealFunc(func(r *cryptomem.Request) error {
				value = s.seal(t, name, "new")
				r.Value, r.TTL = value, short
				return nil
			})
			s.must(t, r)
			if value == nil {
				t.Fatal("the sealer was not asked")
			}
			s.expire(t, name, short)
			s.holdsNothing(t, name) // whose TTL was the sealer's
		})
	}
	t.Run("value", func(t *testing.T) {
		name := s.name()
		value := s.seal(t, name, "sealed late")
		s.must(t, &cryptomem.Request{
			Command: cryptomem.CommandSet, Name: name, Value: []byte("not this"),
			Sealer: sealFunc(func(r *cryptomem.Request) error { r.Value, r.TTL = value, long; return nil }),
		})
		s.holds(t, name, value)
	})
	t.Run("refusing", func(t *testing.T) {
		name, old := s.live(t)
		refused := errors.New("no key")
		refusing := sealFunc(func(*cryptomem.Request) error { return refused })
		s.refuse(t, &cryptomem.Request{Command: cryptomem.CommandSet, Name: name, Value: []byte("new"), Sealer: refusing}, refused)
		s.holds(t, name, old)

		other := s.name()
		value := s.seal(t, other, "value")
		rs := []*cryptomem.Request{
			{Command: cryptomem.CommandSet, Name: name, Value: []byte("new"), Sealer: refusing},
			{Command: cryptomem.CommandSet, Name: other, Value: value},
		}
		s.doAll(t, rs)
		if !errors.Is(rs[0].Err, refused) || rs[1].Err != nil {
			t.Errorf("in a batch, what is refused ended in %v, and what is not in %v", quoted(rs[0].Err), quoted(rs[1].Err))
		}
		s.holds(t, name, old)
		s.holds(t, other, value)
	})
}

func (s *subject) doAll(t *testing.T, rs []*cryptomem.Request) {
	t.Helper()
	ctx, cancel := wall.WithTimeout(t.Context(), patience)
	defer cancel()
	s.store.DoAll(ctx, rs)
	for _, r := range rs {
		if problem := s.lacks.note(r, r.Err); problem != nil {
			t.Error(problem)
		}
	}
}

func testBatch(t *testing.T, s *subject) {
	t.Run("empty", func(*testing.T) { s.store.DoAll(t.Context(), nil) })
	t.Run("order", s.batchOrder)
	t.Run("errors", s.batchErrors)
	t.Run("large", s.batchLarge)
}

// batchOrder expects requests for one name to be executed in their order.
func (s *subject) batchOrder(t *testing.T) {
	name := s.name()
	one, two := s.seal(t, name, "one"), s.seal(t, name, "two")
	rs := []*cryptomem.Request{
		{Command: cryptomem.CommandGet, Name: name},
		{Command: cryptomem.CommandSet, Name: name, Value: one, TTL: long},
		{Command: cryptomem.CommandGet, Name: name},
		{Command: cryptomem.CommandSet, Name: name, Value: two, TTL: long},
		{Command: cryptomem.CommandGet, Name: name},
		{Command: cryptomem.CommandDelete, Name: name},
		{Command: cryptomem.CommandGet, Name: name},
	}
	s.doAll(t, rs)
	for i, want := range []error{cryptomem.ErrNotFound, nil, nil, nil, nil, nil, cryptomem.ErrNotFound} {
		if !errors.Is(rs[i].Err, want) {
			t.Errorf("request %d, %v, ended in %v, want %v", i, rs[i].Command, quoted(rs[i].Err), quoted(want))
		}
	}
	for i, want := range map[int][]byte{2: one, 4: two} {
		if rs[i].Err == nil && !bytes.Equal(rs[i].Answer, want) {
			t.Errorf("request %d answered %s, want %s", i, brief(rs[i].Answer), brief(want))
		}
	}
}

// batchErrors expects errors where they arise, and nowhere else.
func (s *subject) batchErrors(t *testing.T) {
	there, value := s.live(t)
	absent, other := s.name(), s.name()
	sealed := s.seal(t, other, "other")
	rs := []*cryptomem.Request{
		{Command: cryptomem.CommandGet, Name: absent},
		{Command: cryptomem.CommandDelete, Name: absent},
		{Command: cryptomem.Command(200), Name: absent},
		{Command: cryptomem.CommandGet, Name: there},
		{Command: cryptomem.CommandSet, Name: other, Value: sealed, TTL: long},
		{Command: cryptomem.CommandGet, Name: other},
	}
	s.doAll(t, rs)
	for i, want := range []error{cryptomem.ErrNotFound, cryptomem.ErrNotFound, cryptomem.ErrNotSupported, nil, nil, nil} {
		if !errors.Is(rs[i].Err, want) {
			t.Errorf("request %d, %v, ended in %v, want %v", i, rs[i].Command, quoted(rs[i].Err), quoted(want))
		}
	}
	if rs[3].Err == nil && !bytes.Equal(rs[3].Answer, value) || rs[5].Err == nil && !bytes.Equal(rs[5].Answer, sealed) {
		t.Errorf("a batch with errors answered %s and %s, want %s and %s", brief(rs[3].Answer), brief(rs[5].Answer), brief(value), brief(sealed))
	}
}

// batchLarge stores and reads 1,000 names at once.
func (s *subject) batchLarge(t *testing.T) {
	const n = 1000
	sets, gets := make([]*cryptomem.Request, n), make([]*cryptomem.Request, n)
	values := make([][]byte, n)
	for i := range n {
		name := s.name()
		values[i] = s.seal(t, name, fmt.Sprint(i))
		sets[i] = &cryptomem.Request{Command: cryptomem.CommandSet, Name: name, Value: values[i], TTL: long}
		gets[i] = &cryptomem.Request{Command: cryptomem.CommandGet, Name: name}
	}
	s.doAll(t, sets)
	s.doAll(t, gets)
	for i := range n {
		if sets[i].Err != nil || gets[i].Err != nil || !bytes.Equal(gets[i].Answer, values[i]) {
			t.Fatalf("of %d, number %d: SET ended in %v, GET in %v with %s", n, i, quoted(sets[i].Err), quoted(gets[i].Err), brief(gets[i].Answer))
		}
	}
}
