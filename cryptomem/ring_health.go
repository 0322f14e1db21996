package cryptomem

import (
	"errors"
	"time"

	"github.com/benbjohnson/clock"
)

// watch asks a server for signs of life, so that a client without requests notices
// an absence, too, and takes one that is back into use again.
func (s *ringStore) watch(i int, ticker *clock.Ticker) {
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
		}
		s.checkHealth(i)
	}
}

// checkHealth asks for one sign of life.
func (s *ringStore) checkHealth(i int) {
	err := s.within(s.ring.Failover().Interval(), &Request{Command: CommandPing, Value: []byte("ring")}, i)
	switch refused := (*ServerError)(nil); {
	case err == nil:
		s.ring.Answered(i)
	case errors.As(err, &refused):
		s.failed[i].Store(&err)
		s.ring.Refused(i)
	default:
		s.failed[i].Store(&err)
		s.ring.Failed(i)
	}
	if !s.ring.Due(i) {
		return
	}
	// A server that holds much takes long to remove it.
	if err := s.within(DefaultStandIn, &Request{Command: CommandFlush, Name: s.failover.Prefix}, i); err != nil {
		s.unflushed[i].Store(&err)
		return
	}
	s.unflushed[i].Store(nil)
	s.ring.Believe(i)
}

// within carries out a request of the ring's own.
func (s *ringStore) within(timeout time.Duration, r *Request, i int) error {
	ctx, cancel := s.failover.Clock.WithTimeout(s.ctx, timeout)
	defer cancel()
	return s.stores[i].Do(ctx, r)
}
