package cryptomem

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A link is one of the client's connections, made anew whenever it is broken.
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
func (c *Client) connection(ctx context.Context, l *link) (*pipeline.Conn, error) {
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
		if !c.spawn(func() { c.redial(l, d) }) {
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
func (c *Client) redial(l *link, d *dial) {
	d.conn, d.err = c.dialInTurn()
	l.mu.Lock()
	old := l.conn.Load()
	if d.err == nil {
		l.conn.Store(d.conn)
	}
	l.dialing = nil
	l.mu.Unlock()
	close(d.done)
	if old != nil && d.err == nil {
		_ = old.Close() // it is broken; this only waits for its goroutines
	}
	if d.err == nil && c.ctx.Err() != nil {
		_ = d.conn.Close() // Close may have passed by before the connection was in place
	}
}

// dialInTurn dials when no other dial to the address is under way and the
// pause after a failed one is over.
func (c *Client) dialInTurn() (*pipeline.Conn, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-c.ctx.Done():
		return nil, ErrClosed
	}
	if c.failures > 0 {
		if err := c.rest(c.ctx, c.opts.pause(c.failures)); err != nil {
			return nil, ErrClosed
		}
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.opts.dialTimeout)
	defer cancel()
	conn, err := c.dial(ctx)
	switch {
	case err == nil:
		c.failures = 0
	case c.ctx.Err() != nil:
		err = ErrClosed
	default:
		c.failures++
		err = fmt.Errorf("connect to %s: %w", c.addr, err)
	}
	return conn, err
}

// dial makes one connection, with all handshakes.
func (c *Client) dial(ctx context.Context) (*pipeline.Conn, error) {
	nc, err := c.opts.dial(ctx, c.addr)
	if err != nil {
		return nil, err
	}
	if c.opts.tls != nil {
		tc := tls.Client(nc, c.opts.tls)
		if err := tc.HandshakeContext(ctx); err != nil {
			_ = nc.Close() // the handshake's error says more
			return nil, err
		}
		nc = tc
	}
	conn := pipeline.NewConn(nc, c.opts.clock, c.opts.limits)
	if err := c.authenticate(ctx, conn); err != nil {
		_ = conn.Close() // always nil
		return nil, err
	}
	return conn, nil
}

func (c *Client) authenticate(ctx context.Context, conn *pipeline.Conn) error {
	if len(c.opts.token) == 0 {
		return nil
	}
	call := pipeline.Call{Request: wire.Request{
		Command: wire.Auth, Key: []byte(c.opts.identity), Value: c.opts.token,
	}}
	if err := conn.Do(ctx, &call); err != nil {
		return err
	}
	return answerError(&call.Response)
}

// dialNetwork is the default DialFunc.
func dialNetwork(ctx context.Context, addr string) (net.Conn, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", strings.TrimPrefix(path, "//")
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err // the caller names the address
	}
	return conn, err
}

// serverName returns the host of an address, for certificates.
func serverName(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
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
