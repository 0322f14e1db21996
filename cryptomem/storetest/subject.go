package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/sealing"
)

const (
	long     = time.Hour             // the TTL of what is to stay
	short    = time.Millisecond      // the TTL of what is to expire
	slack    = 10 * time.Millisecond // by how much a store's clock may be too coarse
	patience = 20 * time.Second      // for what is waited for; nothing takes that long unless it is broken
	again    = time.Second           // for an expiry, by a store that has missed one: it has been told already
)

// wall is the clock that a store under test runs by, unless it is Clocked.
var wall = clock.New() //nolint:forbidigo // what is tested here is not of this module

// A subject is a store under test, with what all tests need.
type subject struct {
	store  cryptomem.Store
	sealer *sealing.Sealer
	// prefix of all names.
	prefix string
	lacks  *lacks

	// Guards count.
	mu sync.Mutex
	// count of names.
	count int
}

func newSubject(t *testing.T, store cryptomem.Store, l *lacks) *subject {
	t.Helper()
	random := make([]byte, 40)
	// never fails
	_, _ = rand.Read(random)
	kr, err := sealing.KeyringFromSecret(random[:32])
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := sealing.New(kr)
	if err != nil {
		t.Fatal(err)
	}
	return &subject{store: store, sealer: sealer, prefix: hex.EncodeToString(random[32:]) + ":", lacks: l}
}

// lacks are the commands that were refused as not supported, and those that were
// carried out.
type lacks struct {
	// Whether something has outlived its TTL.
	expiry atomic.Bool

	// Guards all.
	mu        sync.Mutex
	refused   map[string]bool
	supported map[string]bool
}

// note takes down how a request ended, and returns what is wrong with that.
func (l *lacks) note(r *cryptomem.Request, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refused == nil {
		l.refused, l.supported = map[string]bool{}, map[string]bool{}
	}
	what := r.Command.String()
	if r.Fenced {
		what += " with a fence"
	}
	switch {
	case errors.Is(err, cryptomem.ErrNotSupported):
		l.refused[what] = true
	case err == nil, errors.Is(err, cryptomem.ErrNotFound), errors.Is(err, cryptomem.ErrExists), errors.Is(err, cryptomem.ErrChanged):
		l.supported[what] = true
	}
	if l.refused[what] && l.supported[what] {
		return fmt.Errorf("%s is supported at one time and not at another", what)
	}
	return nil
}

// name returns a name that nothing is under.
func (s *subject) name() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	return fmt.Appendf(nil, "%s%d", s.prefix, s.count)
}

// seal returns an envelope of the text, another one each time.
func (s *subject) seal(t *testing.T, name []byte, text string) []byte {
	t.Helper()
	envelope, err := s.sealer.Seal(nil, name, []byte(text), time.Time{}, 1)
	if err != nil {
		t.Fatalf("seal a value: %v", err)
	}
	return envelope
}

// do carries r out. A command that the store lacks skips the test.
func (s *subject) do(t *testing.T, r *cryptomem.Request) error {
	t.Helper()
	ctx, cancel := wall.WithTimeout(t.Context(), patience)
	defer cancel()
	return s.doWithin(ctx, t, r)
}

func (s *subject) doWithin(ctx context.Context, t *testing.T, r *cryptomem.Request) error {
	t.Helper()
	err := s.store.Do(ctx, r)
	if !same(err, r.Err) {
		t.Errorf("%v returned %v, and its Err is %v", r.Command, err, r.Err)
	}
	if problem := s.lacks.note(r, err); problem != nil {
		t.Error(problem)
	}
	if !errors.Is(err, cryptomem.ErrNotSupported) {
		return err
	}
	switch r.Command {
	case cryptomem.CommandGet, cryptomem.CommandSet, cryptomem.CommandDelete:
		t.Fatalf("%v is not supported; no store may lack it", r.Command)
	}
	t.Skipf("%v is not supported: %v", r.Command, err)
	return nil
}

func same(a, b error) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error()
}

// must carries r out and ends the test if that fails.
func (s *subject) must(t *testing.T, r *cryptomem.Request) *cryptomem.Request {
	t.Helper()
	if err := s.do(t, r); err != nil {
		t.Fatalf("%v: %v", r.Command, err)
	}
	return r
}

// refuse carries r out and demands that error.
func (s *subject) refuse(t *testing.T, r *cryptomem.Request, want error) {
	t.Helper()
	if err := s.do(t, r); !errors.Is(err, want) {
		t.Errorf("%v ended in %v, want %q", r.Command, quoted(err), want)
	}
}

func quoted(err error) string {
	if err == nil {
		return "success"
	}
	return fmt.Sprintf("%q", err)
}

// set stores value.
func (s *subject) set(t *testing.T, name, value []byte, ttl time.Duration) {
	t.Helper()
	s.must(t, &cryptomem.Request{Command: cryptomem.CommandSet, Name: name, Value: value, TTL: ttl})
}

// holds demands that GET answers with the value.
func (s *subject) holds(t *testing.T, name, value []byte) {
	t.Helper()
	r := &cryptomem.Request{Command: cryptomem.CommandGet, Name: name}
	if err := s.do(t, r); err != nil {
		t.Errorf("GET of what is there ended in %q", err)
	} else if !bytes.Equal(r.Answer, value) {
		t.Errorf("GET answered %s, want %s", brief(r.Answer), brief(value))
	}
}

// holdsNothing demands that GET finds nothing.
func (s *subject) holdsNothing(t *testing.T, name []byte) {
	t.Helper()
	s.refuse(t, &cryptomem.Request{Command: cryptomem.CommandGet, Name: name}, cryptomem.ErrNotFound)
}

func brief(b []byte) string {
	if len(b) > 80 {
		return fmt.Sprintf("%d bytes that begin with %q", len(b), b[:40])
	}
	return fmt.Sprintf("%q", b)
}

// live puts a new value under a new name, to stay.
func (s *subject) live(t *testing.T) (name, value []byte) {
	t.Helper()
	name = s.name()
	value = s.seal(t, name, "live")
	s.set(t, name, value, long)
	return name, value
}

// expired returns a name that held something until just now.
func (s *subject) expired(t *testing.T) (name []byte) {
	t.Helper()
	name = s.name()
	s.set(t, name, s.seal(t, name, "expired"), short)
	s.expire(t, name, short)
	return name
}

// expire lets ttl pass, until nothing is under the name.
func (s *subject) expire(t *testing.T, name []byte, ttl time.Duration) {
	t.Helper()
	if c, ok := s.store.(Clocked); ok {
		c.Advance(ttl + slack)
		return
	}
	wait := patience
	if s.lacks.expiry.Load() {
		wait = again
	}
	for limit := wall.Now().Add(ttl + wait); ; wall.Sleep(ttl / 2) {
		if err := s.do(t, &cryptomem.Request{Command: cryptomem.CommandGet, Name: name}); errors.Is(err, cryptomem.ErrNotFound) {
			return
		} else if err != nil || wall.Now().After(limit) {
			s.lacks.expiry.Store(true)
			t.Fatalf("an item with a TTL of %v is still there %v later: GET ended in %v", ttl, wait, quoted(err))
		}
	}
}

// version returns the version that GETV tells.
func (s *subject) version(t *testing.T, name []byte, fenced bool) uint64 {
	t.Helper()
	return s.must(t, &cryptomem.Request{Command: cryptomem.CommandGetItem, Name: name, Fenced: fenced}).Version
}
