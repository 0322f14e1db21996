package valkeystore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/backoff"
)

var _ cryptomem.Retrier = (*Store)(nil)

// Do carries out one request. If it was surely not applied, Do tries again until the
// time is over. See cryptomem.Store.
func (s *Store) Do(ctx context.Context, r *cryptomem.Request) error {
	if s.serveNear(ctx, r) {
		return nil
	}
	p := s.newRetrier(ctx)
	r.Err = s.do(ctx, r)
	if r.Err == nil || !passes(r.Err) {
		return r.Err
	}
	for p.wait(ctx) {
		last := r.Err
		if r.Err = s.do(ctx, r); r.Err == nil || !passes(r.Err) {
			r.Err = because(r.Err, last)
			break
		}
	}
	return r.Err
}

// DoAll carries out the requests on all nodes at once, and tries those again that were
// surely not applied. See cryptomem.Store.
func (s *Store) DoAll(ctx context.Context, rs []*cryptomem.Request) {
	p := s.newRetrier(ctx)
	for rs = s.serveAllNear(ctx, rs); len(rs) > 0; {
		n := len(rs)
		if b := s.backend.Load(); b == nil || b.cluster {
			n = distinct(rs)
		}
		s.doAll(ctx, rs[:n])
		s.repeat(ctx, p, rs[:n])
		rs = rs[n:]
	}
}

// repeat carries out again what has to be. On one node that is all or nothing:
// there, a request may name what a later one names that was carried out.
func (s *Store) repeat(ctx context.Context, p retrier, rs []*cryptomem.Request) {
	for {
		var again []*cryptomem.Request
		for _, r := range rs {
			if passes(r.Err) {
				again = append(again, r)
			}
		}
		b := s.backend.Load()
		if len(again) == 0 || len(again) < len(rs) && (b == nil || !b.cluster) || !p.wait(ctx) {
			return
		}
		rs = again
		last := make([]error, len(rs))
		for i, r := range rs {
			last[i] = r.Err
		}
		s.doAll(ctx, rs)
		for i, r := range rs {
			r.Err = because(r.Err, last[i])
		}
	}
}

// because adds to the end of a caller's time, if that is what err is, why an
// earlier try had failed.
func because(err, last error) error {
	if !isContext(err) || errors.Is(err, cryptomem.ErrMaybeApplied) || errors.Is(err, cryptomem.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", err, last)
}

// passes reports whether an error is gone by itself after a while, and nothing was
// applied.
func passes(err error) bool {
	return errors.Is(err, cryptomem.ErrUnavailable) && !errors.Is(err, cryptomem.ErrMaybeApplied)
}

// Retries implements cryptomem.Retrier.
func (s *Store) Retries() bool { return s.opts.minBackoff > 0 }

// A retrier says for how long, and with which pauses, something is tried again.
type retrier struct {
	store *Store
	end   time.Time
	pause time.Duration
}

// newRetrier is called when the first try begins, whose time counts, too.
func (s *Store) newRetrier(ctx context.Context) retrier {
	end, ok := ctx.Deadline()
	if !ok {
		end = s.opts.clock.Now().Add(s.opts.timeout)
	}
	return retrier{store: s, end: end, pause: s.opts.minBackoff}
}

// wait waits for the next try and reports whether there is one.
func (p *retrier) wait(ctx context.Context) bool {
	o := &p.store.opts
	if p.pause <= 0 || !o.clock.Now().Add(p.pause).Before(p.end) {
		return false
	}
	err := backoff.Rest(ctx, o.clock, rand.Reader, p.store.closing, p.pause)
	p.pause = min(2*p.pause, o.maxBackoff)
	return err == nil
}
