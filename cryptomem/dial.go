package cryptomem

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A link is one of the connections to a server, made anew whenever it is broken.
type link struct {
	conn atomic.Pointer[pipeline.Conn]

	mu      sync.Mutex
	dialing *dial // the one under way, which all callers wait for
}

type dial struct {
	done chan struct{} // closed when conn and err are set
	conn *pipeline.Conn
	err  error
}

// connection returns the link's connection, or waits for one under ctx.
func (s *connections) connection(ctx context.Context, l *link) (*pipeline.Conn, error) {
	if conn := l.conn.Load(); conn != nil && !isClosed(conn.Broken()) {
		return conn, nil
	}
	l.mu.Lock()
	d := l.dialing
	if d == nil {
		if conn := l.conn.Load(); conn != nil && !isClosed(conn.Broken()) {
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
		return nil, ctx.Err()
	}
}

// redial replaces the link's connection. It is bound to no caller's context:
// the connection is for all of them.
func (s *connections) redial(l *link, d *dial) {
	d.conn, d.err = s.dialInTurn()
	l.mu.Lock()
	old := l.conn.Load()
	if d.err == nil {
		l.conn.Store(d.conn)
		s.limit.forget()
	}
	l.dialing = nil
	l.mu.Unlock()
	close(d.done)
	if old != nil && d.err == nil {
		_ = old.Close() // it is broken; this only waits for its goroutines
	}
	if d.err == nil && s.ctx.Err() != nil {
		_ = d.conn.Close() // Close may have passed by before the connection was in place
	}
}

// dialInTurn dials when no other dial to the address is under way and the
// pause after a failed one is over.
func (s *connections) dialInTurn() (*pipeline.Conn, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-s.ctx.Done():
		return nil, ErrClosed
	}
	if s.failures > 0 {
		if err := s.opts.rest(s.ctx, nil, s.opts.pause(s.failures)); err != nil {
			return nil, ErrClosed
		}
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.opts.dialTimeout)
	defer cancel()
	conn, err := s.dial(ctx)
	switch {
	case err == nil:
		s.failures = 0
	case s.ctx.Err() != nil:
		err = ErrClosed
	default:
		s.failures++
		err = fmt.Errorf("connect to %s: %w", s.addr, err)
	}
	return conn, err
}

// dial makes one connection, with all handshakes.
func (s *connections) dial(ctx context.Context) (*pipeline.Conn, error) {
	nc, err := s.opts.dial(ctx, s.addr)
	if err != nil {
		return nil, err
	}
	if s.opts.tls != nil {
		tc := tls.Client(nc, s.opts.tls)
		if err := tc.HandshakeContext(ctx); err != nil {
			_ = nc.Close() // the handshake's error says more
			return nil, err
		}
		nc = tc
	}
	conn := pipeline.NewConn(nc, s.opts.clock, s.opts.limits)
	if err := s.authenticate(ctx, conn); err != nil {
		_ = conn.Close() // always nil
		return nil, err
	}
	return conn, nil
}

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
	pause := o.firstPause
	for ; failures > 1 && pause < o.longestPause; failures-- {
		pause *= 2
	}
	return min(pause, o.longestPause)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
