package valkeystore

import (
	"context"
	"errors"
	"strings"

	"github.com/valkey-io/valkey-go"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

var _ cryptomem.Watcher = (*Store)(nil)

// track has the servers tell of changes of whatever is read over a connection
// (CLIENT TRACKING, RESP3), so that a read stays one plain GET. A change of a key is
// told on the connection that read it, in order with its answers.
func (s *Store) track(option *valkey.ClientOption) {
	option.DisableCache = false
	option.ClientTrackingOptions = []string{"OPTOUT"}
	option.OnInvalidations = s.invalidated
}

// invalidated hears from valkey-go's readers which keys have changed; nil means
// any, as after FLUSHALL.
func (s *Store) invalidated(keys []valkey.ValkeyMessage) {
	if keys == nil {
		s.near.voidAll()
		return
	}
	for i := range keys {
		key, err := keys[i].ToString()
		if err != nil {
			s.near.voidAll()
			return
		}
		if name, ours := strings.CutPrefix(key, s.opts.prefix); ours {
			s.near.void([]byte(name))
		}
	}
}

// Watch implements cryptomem.Watcher. Without a near cache the server reports no
// changes, and the channel is nil.
func (s *Store) Watch(name []byte) (changed <-chan struct{}, stop func()) {
	if s.near == nil {
		return nil, func() {}
	}
	return s.near.await(name)
}

// NearStats returns the counters of the near cache, all zero without one.
func (s *Store) NearStats() NearStats {
	if s.near == nil {
		return NearStats{}
	}
	return s.near.stats()
}

// serveNear answers a read from the near cache if that has a copy and the caller
// takes one.
func (s *Store) serveNear(ctx context.Context, r *cryptomem.Request) bool {
	r.Near = false
	if s.near == nil || r.Command != wire.Get || s.closed.Load() || ctx.Err() != nil {
		return false
	}
	if r.Fresh {
		s.near.drop(r.Name)
		return false
	}
	answer, ok := s.near.get(r.Answer[:0], r.Name)
	if ok {
		r.Answer, r.Near, r.Err = answer, true, nil
	}
	return ok
}

// serveAllNear is serveNear for a batch, and returns what is left of it. Where
// something else is done in one go with reads, those may be about its outcome.
func (s *Store) serveAllNear(ctx context.Context, rs []*cryptomem.Request) []*cryptomem.Request {
	reads := s.near != nil
	for _, r := range rs {
		r.Near = false
		reads = reads && r.Command == wire.Get
	}
	if !reads {
		return rs
	}
	var left []*cryptomem.Request
	for _, r := range rs {
		if !s.serveNear(ctx, r) {
			left = append(left, r)
		}
	}
	return left
}

// mark prepares for keeping what the request will be answered with.
func (s *Store) mark(r *cryptomem.Request) mark {
	if s.near == nil || r.Command != wire.Get {
		return mark{}
	}
	return s.near.mark(r.Name)
}

// settle keeps what was read and drops what was written: own writes are seen at
// once, whenever the server tells of them.
func (s *Store) settle(r *cryptomem.Request, m mark, err error) {
	switch {
	case s.near == nil:
	case r.Command == wire.Get:
		if err == nil {
			s.near.keep(m, r.Name, r.Answer)
		}
	case r.Command == wire.Flush:
		s.near.voidAll()
	case r.Command.Has(wire.Writes) && !errors.Is(err, cryptomem.ErrExists) && !passes(err):
		s.near.void(r.Name)
	}
}

// untracked returns the error of a server that would not tell of changes, or nil.
func untracked(err error) error {
	if !errors.Is(err, valkey.ErrNoCache) {
		return nil
	}
	if strings.Contains(err.Error(), "NOPERM") {
		return &ServerError{Code: "NOPERM", Message: err.Error(), is: cryptomem.ErrDenied, advice: "a near cache needs the right +client|tracking"}
	}
	return &ServerError{Message: err.Error(), is: cryptomem.ErrNotSupported, advice: "a near cache needs RESP3 and CLIENT TRACKING"}
}
