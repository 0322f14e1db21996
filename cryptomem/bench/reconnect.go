package bench

import (
	"context"
	"errors"
	"net"
	"sync"
)

// reconnecting is a lane that has a connection of its own for each batch.
type reconnecting struct {
	target *rawTarget
	work   *workload

	// Guards what follows, against Close.
	mu      sync.Mutex
	current *rawLane
	closed  bool
}

func (r *reconnecting) do(ctx context.Context, ops []op, answered func(n int)) error {
	one, err := r.target.connect(ctx, r.work)
	if err != nil {
		return err
	}
	if err := r.replace(one); err != nil {
		return errors.Join(err, one.Close())
	}
	return errors.Join(one.do(ctx, ops, answered), r.replace(nil), one.Close())
}

// replace notes what Close would have to close.
func (r *reconnecting) replace(one *rawLane) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return net.ErrClosed
	}
	r.current = one
	return nil
}

func (r *reconnecting) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.current == nil {
		return nil
	}
	return r.current.Close()
}
