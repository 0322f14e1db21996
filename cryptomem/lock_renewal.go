package cryptomem

import (
	"context"
	"errors"
)

// A renewal extends a lock again and again.
type renewal struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

// KeepAlive extends the lock repeatedly, as Extend does without options, until
// Unlock or until ctx ends. It returns a context derived from ctx that also ends
// when the lock is lost, at Expires at the latest; its context.Cause is then
// ErrNotHeld, or ErrClosed if the client was closed. Use it for the work done under
// the lock.
//
//	lock, err := client.TryLock(ctx, "nightly", cryptomem.TTL(30*time.Second))
//	...
//	defer lock.Unlock(context.WithoutCancel(ctx))
//	return report(lock.KeepAlive(ctx))
//
// A second KeepAlive replaces the first and ends its context.
func (l *Lock) KeepAlive(ctx context.Context) context.Context {
	l.endRenewal()
	held, lose := context.WithCancelCause(ctx)
	ctx, cancel := context.WithCancel(ctx)
	r := &renewal{cancel: cancel, ended: make(chan struct{})}
	l.mu.Lock()
	l.renewal = r
	l.mu.Unlock()
	ok := l.client.spawn(func() {
		defer close(r.ended)
		defer cancel()
		lose(l.renew(ctx))
	})
	if !ok {
		close(r.ended)
		cancel()
		lose(ErrClosed)
	}
	return held
}

// endRenewal stops the goroutine of KeepAlive and waits for it.
func (l *Lock) endRenewal() {
	l.mu.Lock()
	r := l.renewal
	l.renewal = nil
	l.mu.Unlock()
	if r != nil {
		r.cancel()
		<-r.ended
	}
}

// renew extends the lock until ctx ends or the lock is lost, and returns which. It
// extends well before the lock expires, and more often after a failure.
func (l *Lock) renew(ctx context.Context) error {
	clk := l.client.opts.clock
	for pause := l.term() / 2; ; {
		left := l.Expires().Sub(clk.Now())
		if left <= 0 {
			return ErrNotHeld
		}
		if err := l.client.rest(ctx, min(pause, left)); err != nil {
			return err
		}
		left = l.Expires().Sub(clk.Now())
		if left <= 0 {
			return ErrNotHeld
		}
		bounded, cancel := l.client.within(ctx, left, ErrNotHeld)
		err := l.Extend(bounded)
		cancel()
		switch {
		case err == nil:
			pause = l.term() / 2
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrNotHeld), errors.Is(err, ErrClosed):
			return err
		default:
			pause = l.term() / 16
		}
	}
}
