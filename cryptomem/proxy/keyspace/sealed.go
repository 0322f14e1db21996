package keyspace

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// Sealed is the Upstream that a client of cryptomem is: what it keeps is sealed
// here and opened here.
type Sealed struct {
	client *cryptomem.Client
	clock  clock.Clock
}

var _ Upstream = (*Sealed)(nil)

// NewSealed returns the names of the client's namespace. If the client blinds them,
// they cannot be listed.
func NewSealed(c *cryptomem.Client, clk clock.Clock) *Sealed { return &Sealed{client: c, clock: clk} }

// accesses are requests as the client takes them.
type accesses struct {
	all      []cryptomem.Access
	pointers []*cryptomem.Access
}

var accessPool = sync.Pool{New: func() any { return new(accesses) }}

var commands = [...]cryptomem.Command{
	Get: cryptomem.CommandGet, Look: cryptomem.CommandGetItem, Set: cryptomem.CommandSet,
	Add: cryptomem.CommandAdd, Swap: cryptomem.CommandSwap, Delete: cryptomem.CommandDelete,
}

// Do implements Upstream.
func (s *Sealed) Do(ctx context.Context, rs []*Request) {
	p := accessPool.Get().(*accesses)
	if cap(p.all) < len(rs) {
		p.all, p.pointers = make([]cryptomem.Access, len(rs)), make([]*cryptomem.Access, len(rs))
	}
	p.all, p.pointers = p.all[:len(rs)], p.pointers[:len(rs)]
	for i, r := range rs {
		a := &p.all[i]
		*a = cryptomem.Access{Command: commands[r.Kind], Key: r.Name, Value: r.Value, Version: r.Version}
		if r.Expires != 0 {
			a.Expires = time.UnixMilli(r.Expires)
		}
		p.pointers[i] = a
	}
	s.client.AccessAll(ctx, p.pointers)
	for i, r := range rs {
		s.answer(r, &p.all[i])
	}
	clear(p.all)
	accessPool.Put(p)
}

// answer makes a's answer that of r.
func (s *Sealed) answer(r *Request, a *cryptomem.Access) {
	r.Value, r.Version, r.Err = a.Value, a.Version, answerError(r.Kind, a.Err)
	switch r.Kind {
	case Get, Look:
		r.Expires = 0
		if r.Kind == Look && r.Version == 0 && errors.Is(r.Err, cryptomem.ErrNotAuthentic) {
			// it is no envelope at all, so that no swap can replace it
			r.Err = a.Err
		}
		if r.Err != nil || a.Expires.IsZero() {
			return
		}
		r.Expires = a.Expires.UnixMilli()
		if r.Expires <= s.clock.Now().UnixMilli() {
			// the store, or another clock, would still have it
			r.Err = ErrNotFound
		}
	case Add:
		r.Version = 0
	}
}

// errExpired is an ErrNotFound for what the upstream should no longer have had.
var errExpired = fmt.Errorf("%w: %w", ErrNotFound, cryptomem.ErrExpired)

func answerError(k Kind, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, cryptomem.ErrNotFound) && k == Swap, errors.Is(err, cryptomem.ErrChanged), errors.Is(err, cryptomem.ErrExists):
		return ErrLost
	case errors.Is(err, cryptomem.ErrNotAuthentic):
		// What no key here opens is absent, and may be replaced: an error would
		// lock out users with a session under a key that is gone.
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case errors.Is(err, cryptomem.ErrExpired):
		return errExpired
	case errors.Is(err, cryptomem.ErrStale):
		return fmt.Errorf("%w: %w", ErrNotFound, err) // which tells why
	case errors.Is(err, cryptomem.ErrNotFound):
		return ErrNotFound
	}
	return err
}

// Together implements Upstream.
func (s *Sealed) Together(names [][]byte) bool { return s.client.Together(names...) }

// SwapAll implements Upstream.
func (s *Sealed) SwapAll(ctx context.Context, rs []*Request) error {
	all := make([]*cryptomem.Access, len(rs))
	for i, r := range rs {
		a := &cryptomem.Access{Command: commands[r.Kind], Key: r.Name, Value: r.Value, Version: r.Version}
		// here, it is storing what is over
		if r.Kind == Delete {
			a.Command, r.Expires = cryptomem.CommandSet, longAgo
		}
		if r.Expires != 0 {
			a.Expires = time.UnixMilli(r.Expires)
		}
		all[i] = a
	}
	err := answerError(Swap, s.client.SwapAll(ctx, all))
	for i, r := range rs {
		r.Version, r.Err = all[i].Version, err
	}
	return err
}

// Scan implements Upstream.
func (s *Sealed) Scan(ctx context.Context, prefix string, cursor uint64, count int, name func([]byte)) (uint64, error) {
	keys, next, err := s.client.ScanKeys(ctx, prefix, cursor, count)
	for _, key := range keys {
		name([]byte(key))
	}
	return next, answerError(Get, err)
}

// Flush implements Upstream.
func (s *Sealed) Flush(ctx context.Context) error {
	_, err := s.client.Flush(ctx, "")
	return err
}
