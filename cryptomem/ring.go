package cryptomem

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem/ring"
)

// A RingServer is one of the servers that NewRing spreads names over.
type RingServer struct {
	// Name decides which keys the server stores. All clients must use the same, and
	// a server that moves to another address must keep it.
	Name string
	// Weight is the server's share, relative to the others'. 0 means 1.
	Weight float64
	Store  Store
}

// Failover configures how the other servers of a ring stand in for one that is
// away. With the zero value they do not, and requests for a server that is away fail
// with ErrUnavailable.
//
// A server is away once it was silent for Pause; until then, its requests fail. Then
// they go to the next server, which begins without values for these names and keeps
// new ones for StandIn at most. When the server answers again, its requests fail for
// another Pause, so that all clients notice that it is back. Then Prefix is flushed
// there, so that old values do not reappear, and the server is used again. A server
// that does not allow FLUSH stays away. Fenced requests, such as those of locks,
// never go to a stand-in, since fences grow on one server only.
//
// No client reads a value that another has overwritten or removed, provided that all
// clients have the same servers and the same Failover, that a server is away for all
// of them or for none, and that a server which answers carries out what it has
// received within Pause. See docs/ring.md for the details.
type Failover struct {
	// Pause is how long a server must be silent to be away; 0 means no stand-ins.
	// DefaultFailoverPause suits most rings.
	Pause time.Duration
	// StandIn is how long a stand-in keeps a value at most. Default: DefaultStandIn.
	StandIn time.Duration
	// Prefix begins all names that the clients of this ring use. It must not be
	// empty.
	Prefix []byte
	// Clock measures Pause. Default: the real clock.
	Clock Clock
}

// Defaults of a Failover.
const (
	DefaultFailoverPause = 2 * time.Second
	DefaultStandIn       = time.Minute
)

// ringStore is one Store made of several.
type ringStore struct {
	ring     *ring.Ring
	stores   []Store
	failover Failover
	// Why the last flush of a returning server failed, by server.
	unflushed []atomic.Pointer[error]
	// The last failure or refusal, by server.
	failed []atomic.Pointer[error]

	// Canceled by Close.
	ctx    context.Context
	cancel context.CancelFunc
	background
}

var _ Retrier = (*ringStore)(nil)

// NewRing returns a Store that spreads names over servers by rendezvous hashing: an
// added server takes its share of names from each of the others, and no other name
// moves. Package ring has the formula. Close closes the stores of all servers.
//
// A batch goes to all its servers at once. If a server cannot be reached, only
// requests for its names fail. FLUSH and PING go to all servers and fail if one
// fails, FLUSH with ErrMaybeApplied if others were flushed. STATS returns an object
// with the statistics of each server under its name.
func NewRing(servers []RingServer, f Failover) (Store, error) {
	if f.Clock == nil {
		f.Clock = clock.New() //nolint:forbidigo // the default
	}
	if f.StandIn == 0 {
		f.StandIn = DefaultStandIn
	}
	if f.Pause > 0 && len(f.Prefix) == 0 {
		return nil, errors.New("failover removes what a server holds from before, and needs a namespace to know what that is")
	}
	s := &ringStore{failover: f, unflushed: make([]atomic.Pointer[error], len(servers)), failed: make([]atomic.Pointer[error], len(servers))}
	placed := make([]ring.Server, len(servers))
	for i, one := range servers {
		if one.Store == nil {
			return nil, fmt.Errorf("server %q of a ring has no store", one.Name)
		}
		placed[i] = ring.Server{Name: one.Name, Weight: one.Weight}
		s.stores = append(s.stores, one.Store)
	}
	var err error
	if s.ring, err = ring.New(placed, ring.Failover{Pause: f.Pause, StandIn: f.StandIn}, f.Clock.Now); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if f.Pause > 0 {
		for i := range s.stores {
			ticker := f.Clock.Ticker(s.ring.Failover().Interval())
			s.spawn(func() { s.watch(i, ticker) })
		}
	}
	return s, nil
}

// Retries implements Retrier.
func (s *ringStore) Retries() bool {
	return !slices.ContainsFunc(s.stores, func(one Store) bool { return !retries(one) })
}

// Close implements Store.
func (s *ringStore) Close() error {
	s.shut()
	s.cancel()
	errs := make([]error, len(s.stores))
	var all sync.WaitGroup
	for i, store := range s.stores {
		all.Go(func() { errs[i] = store.Close() })
	}
	all.Wait()
	s.wait()
	return errors.Join(errs...)
}

// Do implements Store.
func (s *ringStore) Do(ctx context.Context, r *Request) error {
	switch r.Command {
	case CommandFlush:
		r.Err = s.flush(ctx, r)
		return r.Err
	case CommandScan:
		r.Err = s.scan(ctx, r)
		return r.Err
	case CommandPing:
		r.Err = s.ping(ctx, r)
		return r.Err
	case CommandStats:
		r.Err = s.stats(ctx, r)
		return r.Err
	}
	i, home := s.ring.Place(r.Name)
	if err := s.refusal(r, i, home); err != nil {
		r.Err = err
		return err
	}
	if !home {
		defer s.lend(r)()
	}
	r.Err = s.note(ctx, i, s.stores[i].Do(ctx, r))
	return r.Err
}

// refusal returns the error of a request that must not be sent to any server.
func (s *ringStore) refusal(r *Request, i int, home bool) error {
	if i >= 0 && (home || !r.Fenced) {
		return nil
	}
	if s.ctx.Err() != nil {
		return ErrClosed
	}
	at := s.ring.Home(r.Name)
	switch state := s.ring.State(at); state {
	case ring.Back:
		if why := s.unflushed[at].Load(); why != nil {
			return unavailable(fmt.Errorf("server %s is %v, since it cannot be flushed: %w", s.name(at), state, *why))
		}
		return unavailable(fmt.Errorf("server %s is %v", s.name(at), state))
	default:
		if why := s.failed[at].Load(); why != nil {
			return unavailable(fmt.Errorf("server %s is %v: %w", s.name(at), state, *why))
		}
		return unavailable(fmt.Errorf("server %s is %v", s.name(at), state))
	}
}

func (s *ringStore) name(i int) string { return s.ring.Servers()[i].Name }

// lend limits the TTL of r, a request to a stand-in, until the returned function is
// called.
func (s *ringStore) lend(r *Request) (back func()) {
	was, ttl := r.Sealer, r.TTL
	if was != nil {
		r.Sealer = shortLived{was, s.ring.Failover()}
	}
	r.TTL = s.ring.Failover().Lend(ttl)
	return func() { r.Sealer, r.TTL = was, ttl }
}

// A shortLived is a Sealer for a stand-in. The envelope is the same, but the store
// keeps it for a shorter time.
type shortLived struct {
	Sealer
	failover ring.Failover
}

// SealRequest implements Sealer.
func (s shortLived) SealRequest(r *Request) error {
	err := s.Sealer.SealRequest(r)
	r.TTL = s.failover.Lend(r.TTL)
	return err
}

// note records how a server's request ended and returns its error, with the
// server's name where that matters.
func (s *ringStore) note(ctx context.Context, i int, err error) error {
	switch {
	case err == nil || answered(err):
		s.ring.Answered(i)
		return err
	case errIsContext(ctx, err), errors.Is(err, ErrClosed), errors.Is(err, ErrNotSupported):
		return err
	case errors.Is(err, ErrUnavailable):
		why := err // which only a failure has to keep
		s.failed[i].Store(&why)
		s.ring.Failed(i)
	}
	return fmt.Errorf("server %s: %w", s.name(i), err)
}

// DoAll implements Store. Requests to one server stay in order; different servers
// are asked concurrently.
func (s *ringStore) DoAll(ctx context.Context, rs []*Request) {
	groups := make([][]*Request, len(s.stores))
	var all sync.WaitGroup
	for _, r := range rs {
		switch r.Command {
		case CommandFlush, CommandScan, CommandPing, CommandStats:
			all.Go(func() { _ = s.Do(ctx, r) }) // which is in r.Err
			continue
		}
		i, home := s.ring.Place(r.Name)
		if r.Err = s.refusal(r, i, home); r.Err != nil {
			continue
		}
		if !home {
			defer s.lend(r)()
		}
		groups[i] = append(groups[i], r)
	}
	for i, group := range groups {
		if len(group) > 0 {
			all.Go(func() {
				s.stores[i].DoAll(ctx, group)
				for _, r := range group {
					r.Err = s.note(ctx, i, r.Err)
				}
			})
		}
	}
	all.Wait()
}
