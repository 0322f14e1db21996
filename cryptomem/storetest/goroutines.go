package storetest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// goroutines is how many use a store at once.
const goroutines = 64

// together calls f in that many goroutines and waits for them.
func together(f func(g int)) {
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() { f(g) })
	}
	all.Wait()
}

// eventually demands that f holds in the end.
func (s *subject) eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for limit := wall.Now().Add(patience); !f(); wall.Sleep(short) {
		if wall.Now().After(limit) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func testGoroutines(t *testing.T, s *subject) {
	t.Run("own names", func(t *testing.T) {
		together(func(g int) {
			name := fmt.Appendf(nil, "%sown%d", s.prefix, g)
			for i := range 30 {
				value := fmt.Appendf(nil, "%d of %d", i, g)
				set := &cryptomem.Request{Command: cryptomem.CommandSet, Name: name, Value: value, TTL: long}
				get := &cryptomem.Request{Command: cryptomem.CommandGet, Name: name}
				if s.store.Do(t.Context(), set) != nil || s.store.Do(t.Context(), get) != nil || !bytes.Equal(get.Answer, value) {
					t.Errorf("SET ended in %v, GET in %v with %q, want %q", quoted(set.Err), quoted(get.Err), get.Answer, value)
					return
				}
			}
		})
	})
	t.Run("one adds", func(t *testing.T) {
		name := s.name()
		s.one(t, cryptomem.ErrExists, func(int) *cryptomem.Request {
			return &cryptomem.Request{Command: cryptomem.CommandAdd, Name: name, Value: s.seal(t, name, "mine"), TTL: long}
		})
	})
	t.Run("one takes", func(t *testing.T) {
		for range 10 {
			name, _ := s.live(t)
			s.one(t, cryptomem.ErrNotFound, func(int) *cryptomem.Request {
				return &cryptomem.Request{Command: cryptomem.CommandGetDel, Name: name}
			})
		}
	})
	t.Run("one swaps", func(t *testing.T) {
		name, _ := s.live(t)
		for range 10 {
			version := s.version(t, name, false)
			s.one(t, cryptomem.ErrChanged, func(int) *cryptomem.Request {
				return &cryptomem.Request{Command: cryptomem.CommandSwap, Name: name, Value: s.seal(t, name, "mine"), TTL: long, Version: version}
			})
		}
	})
	t.Run("batches", func(t *testing.T) {
		together(func(g int) {
			rs := make([]*cryptomem.Request, 0, 40)
			for i := range cap(rs) / 2 {
				name := fmt.Appendf(nil, "%sbatch%d/%d", s.prefix, g, i)
				rs = append(rs,
					&cryptomem.Request{Command: cryptomem.CommandSet, Name: name, Value: binary.BigEndian.AppendUint64(nil, uint64(g)<<32|uint64(i)), TTL: long},
					&cryptomem.Request{Command: cryptomem.CommandGet, Name: name})
			}
			s.store.DoAll(t.Context(), rs)
			for i := 0; i < len(rs); i += 2 {
				if rs[i].Err != nil || rs[i+1].Err != nil || !bytes.Equal(rs[i].Value, rs[i+1].Answer) {
					t.Errorf("SET ended in %v, GET in %v with %x, want %x", quoted(rs[i].Err), quoted(rs[i+1].Err), rs[i+1].Answer, rs[i].Value)
					return
				}
			}
		})
	})
}

// one lets all goroutines make the same attempt, and demands that it succeeds once
// and ends in lost otherwise.
func (s *subject) one(t *testing.T, lost error, attempt func(g int) *cryptomem.Request) {
	t.Helper()
	requests := make([]*cryptomem.Request, goroutines)
	for g := range requests {
		requests[g] = attempt(g)
	}
	var won atomic.Int32
	together(func(g int) {
		if s.store.Do(t.Context(), requests[g]) == nil {
			won.Add(1)
		}
	})
	for _, r := range requests {
		switch {
		case errors.Is(r.Err, cryptomem.ErrNotSupported):
			t.Skipf("%v is not supported: %v", r.Command, r.Err)
		case r.Err != nil && !errors.Is(r.Err, lost):
			t.Errorf("%v ended in %v, want %q", r.Command, quoted(r.Err), lost)
		}
	}
	if won.Load() != 1 {
		t.Errorf("%v succeeded for %d of %d goroutines, want 1", requests[0].Command, won.Load(), goroutines)
	}
}
