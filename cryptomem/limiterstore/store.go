// Package limiterstore counts requests for github.com/ulule/limiter, exactly over
// all processes.
//
//	instance := limiter.New(limiterstore.New(client), limiter.Rate{Limit: 100, Period: time.Minute})
//
// A period begins at the same time for all keys: a minute with the minute. While
// the store is away, each process counts for itself. Give each limiter a store of
// its own, with an adapter.WithPrefix where two limit the same keys.
package limiterstore

import (
	"context"
	"fmt"

	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/common"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
)

// A Store implements limiter.Store. It is safe for concurrent use.
type Store struct{ counts *adapter.Counter }

// New returns a store of counts on what the client seals. The client stays the
// caller's to close.
func New(client *cryptomem.Client, opts ...adapter.Option) *Store {
	return &Store{adapter.NewCounter(client, opts...)}
}

// Get counts a request of the key and returns where it stands. That ctx ends does
// not stop it. The error is that of a rate without a period.
func (s *Store) Get(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return s.Increment(ctx, key, 1, rate)
}

// Increment counts n requests of the key and returns where it stands. That ctx
// ends does not stop it. The error is that of a rate without a period.
func (s *Store) Increment(ctx context.Context, key string, n int64, rate limiter.Rate) (limiter.Context, error) {
	w, err := s.window(rate)
	if err != nil {
		return limiter.Context{}, err
	}
	return stand(rate, w, s.counts.Add(ctx, key, w, n)), nil
}

// Peek returns where the key stands.
func (s *Store) Peek(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	w, err := s.window(rate)
	if err != nil {
		return limiter.Context{}, err
	}
	return stand(rate, w, s.counts.Sum(ctx, key, w)), nil
}

// Reset has the key begin at 0.
func (s *Store) Reset(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	w, err := s.window(rate)
	if err != nil {
		return limiter.Context{}, err
	}
	if err := s.counts.Reset(ctx, key, w); err != nil {
		return limiter.Context{}, err
	}
	return stand(rate, w, 0), nil
}

// Unopened returns how many counts could not be opened so far. Each began anew.
func (s *Store) Unopened() uint64 { return s.counts.Unopened() }

func (s *Store) window(rate limiter.Rate) (adapter.Window, error) {
	if rate.Period <= 0 {
		return adapter.Window{}, fmt.Errorf("limiterstore: period of the rate is %v, must be positive", rate.Period)
	}
	return s.counts.Window(rate.Period), nil
}

func stand(rate limiter.Rate, w adapter.Window, count int64) limiter.Context {
	return common.GetContextFromState(w.Start, rate, w.End(), count)
}
