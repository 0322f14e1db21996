package valkeystore

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/valkey-io/valkey-go"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

var _ cryptomem.Store = (*Store)(nil)

// A Store is a cryptomem.Store on Valkey or Redis. It is safe for concurrent use.
type Store struct {
	opts options
	// How to connect; unused with FromClient.
	client valkey.ClientOption
	counts counts

	backend atomic.Pointer[backend]
	closed  atomic.Bool
	// Closed by Close.
	closing chan struct{}
	// Nil: nothing is kept in this process.
	near *near

	// Guards connecting, and orders it before the wait in Close.
	mu         sync.Mutex
	connecting *connecting
	// ended counts the goroutines that connect.
	ended sync.WaitGroup
}

// Open returns a store at the address, whose format ParseAddress explains. It does not
// connect: the first call does, and until that succeeds every call tries again.
func Open(address string, opts ...Option) (*Store, error) {
	a, err := ParseAddress(address)
	if err != nil {
		return nil, err
	}
	return New(a, opts...)
}

// New is Open for an address in parts.
func New(a Address, opts ...Option) (*Store, error) {
	o, err := newOptions(opts)
	if err != nil {
		return nil, err
	}
	if len(a.Hosts) == 0 && a.Socket == "" {
		return nil, errors.New("the address of the store has no host")
	}
	s := &Store{opts: o, client: clientOption(a, o), closing: make(chan struct{})}
	if o.near > 0 {
		s.near = newNear(o.clock, o.near, o.nearTTL)
		s.track(&s.client)
	}
	return s, nil
}

// FromClient returns a store on the caller's own client, which Close leaves open. The
// client's options decide which promises hold. With its defaults (several connections a
// node, retries of its own, no bound on calls in flight) a cancelled write may overtake
// a later one, a caller may wait beyond its deadline while a node is stopped or
// dialled, and a killed connection costs ErrMaybeApplied on its next use.
//
// Do not make the client's commands retryable: an envelope that may have been applied
// must not be sent again.
func FromClient(c valkey.Client, opts ...Option) (*Store, error) {
	if c == nil {
		return nil, errors.New("FromClient: no client")
	}
	o, err := newOptions(opts)
	if err != nil {
		return nil, err
	}
	if o.near > 0 {
		return nil, errors.New("WithNearCache: the connections of a client that exists already tell nothing of changes; use Open or New")
	}
	s := &Store{opts: o, closing: make(chan struct{})}
	s.backend.Store(newBackend(c, nil, o.prefix))
	return s, nil
}

// Close ends the connections. Calls in flight and later fail with
// cryptomem.ErrClosed; writes in flight with cryptomem.ErrMaybeApplied as well. It
// always returns nil.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed.Swap(true)
	s.mu.Unlock()
	if !closed {
		close(s.closing)
	}
	s.ended.Wait()
	if b := s.backend.Load(); b != nil && b.network != nil && !closed {
		b.client.Close()
	}
	return nil
}

// Counts returns how often servers answered with each error, by its first word:
// WRONGTYPE counts names that other programs use for other types, OOM writes to a full
// server.
func (s *Store) Counts() map[string]uint64 { return s.counts.byCode() }
