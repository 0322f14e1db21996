package cryptomem

import (
	"context"
	"time"

	"github.com/Zezezknight/cryptomem/transport/pipeline"
)

// An outage is a time in which a server is out of reach. It begins when a dial
// fails, when the server was silent for too long, or when a call's fallback timeout
// has passed. Calls then fail at once with the cause, while repeated dials find out
// whether the server is back.
type outage struct {
	cause error
	began time.Time
	// Existing connections do not answer either.
	silent bool
	// heard is how much they had received by then.
	heard uint64
}

// shortestProbe is the shortest time limit of a dial during an outage: long for a
// handshake, short for a waiting caller.
const shortestProbe = 500 * time.Millisecond

// pauses reports whether dials pause after a failure; backoff.Rest rounds shorter
// pauses down to none. Without pauses there are no outages: each call dials.
func (s *connections) pauses() bool { return s.opts.maxBackoff >= 2 }

// lose begins an outage, unless there is one.
func (s *connections) lose(cause error, silent bool) {
	if !s.pauses() {
		return
	}
	o := &outage{cause: cause, began: s.opts.clock.Now(), silent: silent, heard: s.heard()}
	if !s.out.CompareAndSwap(nil, o) {
		return
	}
	if hurry := s.dialing.Load(); hurry != nil {
		// the next dial gets less time
		(*hurry)()
	}
	if !s.spawn(s.probe) {
		s.out.Store(nil)
	}
}

// doubt begins an outage if a call's context has ended after the server was
// silent for most of the fallback timeout.
func (s *connections) doubt(ctx context.Context, conn *pipeline.Conn) {
	if ctx.Err() == nil {
		return
	}
	// The request left after the caller's time began, so the silence is shorter than
	// the fallback timeout.
	if conn.Quiet() >= s.opts.fallbackTimeout-s.opts.fallbackTimeout/8 {
		s.lose(tooSlow(), true)
	}
}

// despite returns a connection that still serves during an outage.
func (s *connections) despite(o *outage) (*pipeline.Conn, error) {
	if s.ctx.Err() != nil {
		return nil, ErrClosed
	}
	for i := range s.links {
		if conn := s.links[i].live(); conn != nil && !o.silent {
			return conn, nil
		}
	}
	return nil, o.cause
}

// heard counts what all connections have received.
func (s *connections) heard() (n uint64) {
	for i := range s.links {
		if conn := s.links[i].conn.Load(); conn != nil {
			n += conn.Heard()
		}
	}
	return n
}

// probe ends the outage when the server answers again.
func (s *connections) probe() {
	for tries := 1; s.opts.rest(s.ctx, nil, s.opts.pause(tries)) == nil; tries++ {
		o := s.out.Load()
		if o.silent && s.heard() > o.heard {
			s.out.Store(nil)
			return
		}
		if s.tryAgain(o) {
			return
		}
	}
}

// tryAgain makes a new connection to a server that was out of reach, and ends the
// outage if that works; another one may have begun when it returns.
func (s *connections) tryAgain(o *outage) bool {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-s.ctx.Done():
		return false
	}
	conn, err := s.dial(s.probeTime(o), true)
	if err != nil {
		later := *o
		later.cause = err
		s.out.Store(&later)
		return false
	}
	s.failures = 0
	var silent []*pipeline.Conn
	for i := range s.links {
		l := &s.links[i]
		if l.live() != nil && !o.silent {
			continue
		}
		if old := l.conn.Load(); old != nil {
			silent = append(silent, old)
		}
		if conn != nil {
			s.install(l, conn)
			conn = nil
		}
	}
	// before failing the calls that may be tried again
	s.out.Store(nil)
	for _, old := range silent {
		// always nil
		_ = old.Close()
	}
	if conn != nil {
		// no link needs the connection
		_ = conn.Close()
	}
	if s.ctx.Err() != nil {
		for i := range s.links {
			s.links[i].close()
		}
	}
	return true
}

// probeTime is the time limit of a dial during an outage: several times the usual
// duration, or a sixtieth of the outage so far, in case dials have become slower.
func (s *connections) probeTime(o *outage) time.Duration {
	if s.usual == 0 {
		return s.opts.dialTimeout
	}
	return min(max(4*s.usual, s.opts.clock.Since(o.began)/60, shortestProbe), s.opts.dialTimeout)
}
