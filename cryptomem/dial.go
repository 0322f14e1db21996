package cryptomem

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/socket"
	"github.com/Zezezknight/cryptomem/transport/timeout"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A link is one of the connections to a server, replaced whenever it breaks.
type link struct {
	conn atomic.Pointer[pipeline.Conn]
	// What conn had heard when it was made; guarded by connections.turn.
	greeted uint64

	mu sync.Mutex
	// The dial under way, which all callers wait for.
	dialing *dial
}

// live returns the link's connection, nil if it is broken.
func (l *link) live() *pipeline.Conn {
	if conn := l.conn.Load(); conn != nil && !isClosed(conn.Broken()) {
		return conn
	}
	return nil
}

func (l *link) close() {
	if conn := l.conn.Load(); conn != nil {
		// always nil
		_ = conn.Close()
	}
}

type dial struct {
	// Closed when conn and err are set.
	done chan struct{}
	conn *pipeline.Conn
	err  error
}

// connection returns the link's connection, or waits for one under ctx.
func (s *connections) connection(ctx context.Context, l *link) (*pipeline.Conn, error) {
	if o := s.out.Load(); o != nil {
		return s.despite(o)
	}
	if conn := l.live(); conn != nil {
		return conn, nil
	}
	l.mu.Lock()
	d := l.dialing
	if d == nil {
		if conn := l.live(); conn != nil {
			l.mu.Unlock()
			return conn, nil
		}
		d = &dial{done: make(chan struct{})}
		if !s.spawn(func() { s.redial(l, d) }) {
			l.mu.Unlock()
			return nil, ErrClosed
		}
		l.dialing = d
	}
	l.mu.Unlock()
	select {
	case <-d.done:
		return d.conn, d.err
	case <-ctx.Done():
		if isFallbackTimeout(ctx) {
			s.lose(fmt.Errorf("connect to %s: %w", s.addr, tooSlow()), true)
		}
		return nil, ctx.Err()
	}
}

// redial replaces the link's connection. It is bound to no caller's context:
// the connection is for all of them.
func (s *connections) redial(l *link, d *dial) {
	old := l.conn.Load()
	d.conn, d.err = s.dialInTurn(l)
	l.mu.Lock()
	l.dialing = nil
	l.mu.Unlock()
	close(d.done)
	if old != nil && d.err == nil && old != d.conn {
		// it is broken; this only waits for its goroutines
		_ = old.Close()
	}
	if d.err == nil && s.ctx.Err() != nil {
		// Close may have passed by before the connection was in place
		_ = d.conn.Close()
	}
}

// dialInTurn dials when no other dial to the address is under way and the
// pause after failed ones is over. A connection that broke before it answered
// anything was a failure, too: the next one has to answer a PING.
func (s *connections) dialInTurn(l *link) (*pipeline.Conn, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-s.ctx.Done():
		return nil, ErrClosed
	}
	if conn := l.live(); conn != nil {
		return conn, nil
	}
	if old := l.conn.Load(); old != nil {
		if old.Heard() > l.greeted {
			s.failures = 0
		} else {
			s.failures++
		}
	}
	if s.failures > 0 {
		if err := s.opts.rest(s.ctx, nil, s.opts.pause(s.failures)); err != nil {
			return nil, ErrClosed
		}
	}
	if o := s.out.Load(); o != nil {
		return nil, o.cause
	}
	conn, err := s.dial(s.opts.dialTimeout, s.failures > 0 && s.pauses())
	o := s.out.Load()
	switch {
	case err == nil:
		s.install(l, conn)
	case s.ctx.Err() != nil:
		err = ErrClosed
	case o != nil:
		// a caller could not wait, and ended the dial
		err = o.cause
	default:
		s.failures++
		s.lose(err, false)
	}
	return conn, err
}

// install makes conn the link's connection. It requires turn.
func (s *connections) install(l *link, conn *pipeline.Conn) {
	l.greeted = conn.Heard()
	l.conn.Store(conn)
	s.limit.forget()
}

// dial makes one connection, with all handshakes, however the dialer that the
// user gave ends. It requires turn.
func (s *connections) dial(limit time.Duration, prove bool) (conn *pipeline.Conn, err error) {
	ctx, cancel := timeout.Context(s.ctx, s.opts.clock, limit)
	defer cancel()
	s.dialing.Store(&cancel)
	defer s.dialing.Store(nil)
	began := s.opts.clock.Now()
	err = errors.New("dialer ended its goroutine (runtime.Goexit)")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("dialer panicked: %v", p)
			}
		}()
		conn, err = s.connect(ctx, prove)
	}()
	<-ended
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", s.addr, err)
	}
	s.usual = s.opts.clock.Since(began)
	return conn, nil
}

// connect makes a connection; one that has to prove itself answers a PING.
func (s *connections) connect(ctx context.Context, prove bool) (*pipeline.Conn, error) {
	nc, err := s.opts.dial(ctx, s.addr)
	if err != nil {
		return nil, err
	}
	if s.opts.tls != nil {
		tc := tls.Client(nc, s.opts.tls)
		if err := tc.HandshakeContext(ctx); err != nil {
			// the handshake's error says more
			_ = nc.Close()
			return nil, err
		}
		nc = tc
	} else if s.opts.ownSockets {
		// a caller that is alone waits in the kernel
		nc = socket.Own(nc)
	}
	conn := pipeline.NewConn(nc, s.opts.clock, s.opts.limits)
	err = s.authenticate(ctx, conn)
	if err == nil && prove {
		err = conn.Do(ctx, &pipeline.Call{Request: wire.Request{Command: wire.Ping}})
	}
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) && conn.Heard() == 0 {
			err = noFirstAnswer{err}
		}
		// always nil
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// noFirstAnswer is the end of the time for the first answer on a connection.
type noFirstAnswer struct{ cause error }

func (e noFirstAnswer) Error() string {
	return "the first answer did not come in time: the server may be slow, expect TLS, or not be a cryptomem server"
}
func (e noFirstAnswer) Unwrap() error { return e.cause }

func (s *connections) authenticate(ctx context.Context, conn *pipeline.Conn) error {
	if len(s.opts.token) == 0 {
		return nil
	}
	call := pipeline.Call{Request: wire.Request{
		Command: wire.Auth, Key: []byte(s.opts.identity), Value: s.opts.token,
	}}
	if err := conn.Do(ctx, &call); err != nil {
		return err
	}
	return answerError(wire.Auth, &call.Response)
}

// pause returns how long to wait at most before a dial, when so many before it
// failed in a row.
func (o *options) pause(failures int) time.Duration {
	pause := o.minBackoff
	for ; failures > 1 && pause < o.maxBackoff; failures-- {
		pause = add(pause, pause)
	}
	return min(pause, o.maxBackoff)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
