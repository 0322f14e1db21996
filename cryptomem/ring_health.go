package cryptomem

import (
	"errors"
	"time"

	"github.com/benbjohnson/clock"
)

// watch pings a server regularly, so that a client without requests also notices
// when the server goes away or comes back.
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

// checkHealth pings the server once.
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
