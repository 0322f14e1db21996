package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// testCancelled looks at calls whose context has ended, or ends under way.
func testCancelled(t *testing.T, s *subject) {
	t.Run("before", func(t *testing.T) {
		name, old := s.live(t)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		late, cancel := wall.WithDeadline(t.Context(), time.Unix(0, 0))
		defer cancel()
		for ctx, want := range map[context.Context]error{ended: context.Canceled, late: context.DeadlineExceeded} {
			set := &cryptomem.Request{Command: cryptomem.CommandSet, Name: name, Value: []byte("new")}
			if err := s.doWithin(ctx, t, set); !errors.Is(err, want) {
				t.Errorf("SET under a context that has ended itself ended in %v, want %q", quoted(err), want)
			}
			get := &cryptomem.Request{Command: cryptomem.CommandGet, Name: name}
			if err := s.doWithin(ctx, t, get); !errors.Is(err, want) {
				t.Errorf("GET under a context that has ended itself ended in %v, want %q", quoted(err), want)
			}
			s.holds(t, name, old)
		}
	})
	t.Run("batch before", func(t *testing.T) {
		name, old := s.live(t)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		rs := []*cryptomem.Request{
			{Command: cryptomem.CommandGet, Name: name},
			{Command: cryptomem.CommandSet, Name: name, Value: []byte("new")},
		}
		s.store.DoAll(ended, rs)
		for _, r := range rs {
			if !errors.Is(r.Err, context.Canceled) {
				t.Errorf("%v in a batch under a context that has ended itself ended in %v, want %q", r.Command, quoted(r.Err), context.Canceled)
			}
		}
		s.holds(t, name, old)
	})
	t.Run("under way", s.cancelledUnderWay)
}

// cancelledUnderWay lets half of the goroutines give up their calls at any moment,
// and use the requests' bytes for something else at once. The others notice nothing
// of it.
func (s *subject) cancelledUnderWay(t *testing.T) {
	stray := fmt.Appendf(nil, "%sstray--", s.prefix)
	together(func(g int) {
		name := fmt.Appendf(nil, "%sname%04d", s.prefix, g)
		for i := range 30 {
			value := fmt.Appendf(nil, "%08d of %08d", i, g)
			set := &cryptomem.Request{Command: cryptomem.CommandSet, Name: bytes.Clone(name), Value: bytes.Clone(value), TTL: long}
			get := &cryptomem.Request{Command: cryptomem.CommandGet, Name: name}
			if g%2 == 0 {
				if s.store.Do(t.Context(), set) != nil || s.store.Do(t.Context(), get) != nil || !bytes.Equal(get.Answer, value) {
					t.Errorf("beside cancelled calls, SET ended in %v, GET in %v with %q, want %q", quoted(set.Err), quoted(get.Err), get.Answer, value)
					return
				}
				continue
			}
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			err := s.store.Do(ctx, set)
			copy(set.Name, stray)
			clear(set.Value)
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("a cancelled SET ended in %v, want %q", quoted(err), context.Canceled)
			}
			if err := s.store.Do(t.Context(), get); err == nil && !bytes.HasSuffix(get.Answer, value[8:]) {
				t.Errorf("after a cancelled SET, GET answered %q", get.Answer)
			}
		}
	})
	s.holdsNothing(t, stray)
}

// testClosed closes the store under calls, and then looks at what is left.
func testClosed(t *testing.T, s *subject) {
	name, _ := s.live(t)
	var begun atomic.Int32
	var over atomic.Bool
	var calls sync.WaitGroup
	for g := range goroutines {
		calls.Go(func() { s.untilClosed(t, g, name, &begun, &over) })
	}
	s.eventually(t, "calls begin", func() bool { return begun.Load() > 4*goroutines })
	err := s.store.Close()
	over.Store(true)
	calls.Wait()
	if err != nil {
		t.Errorf("Close ended in %q", err)
	}
	t.Run("later", func(t *testing.T) {
		for _, command := range []cryptomem.Command{cryptomem.CommandGet, cryptomem.CommandSet, cryptomem.CommandPing, cryptomem.CommandDelete} {
			s.refuse(t, &cryptomem.Request{Command: command, Name: name}, cryptomem.ErrClosed)
		}
		r := &cryptomem.Request{Command: cryptomem.CommandGet, Name: name}
		if s.store.DoAll(t.Context(), []*cryptomem.Request{r}); !errors.Is(r.Err, cryptomem.ErrClosed) {
			t.Errorf("in a batch, GET ended in %v, want %q", quoted(r.Err), cryptomem.ErrClosed)
		}
	})
	t.Run("twice", func(*testing.T) { _ = s.store.Close() }) // and nothing panics
}

// untilClosed makes calls until one fails, which only the end of the store may be
// the reason for. None may begin once that is over, and succeed.
func (s *subject) untilClosed(t *testing.T, g int, name []byte, begun *atomic.Int32, over *atomic.Bool) {
	for last := false; !last; {
		last = over.Load()
		begun.Add(1)
		r := &cryptomem.Request{Command: cryptomem.CommandGet, Name: name}
		if g%2 == 0 {
			r = &cryptomem.Request{Command: cryptomem.CommandSet, Name: fmt.Appendf(nil, "%s%d", s.prefix, g), Value: []byte("value"), TTL: long}
		}
		if err := s.store.Do(t.Context(), r); err != nil {
			if !errors.Is(err, cryptomem.ErrClosed) {
				t.Errorf("while the store closes, %v ended in %q, want %q", r.Command, err, cryptomem.ErrClosed)
			}
			return
		}
	}
}
