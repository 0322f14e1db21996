package valkeystore

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/transport/socket"
	"github.com/Zezezknight/cryptomem/transport/timeout"
)

// A network makes the connections of a backend and counts what happens to them.
type network struct {
	// clk of the time that connecting may take.
	clk clock.Clock

	// epoch grows whenever a connection is lost, before any of its callers can
	// notice, and whenever one is being made.
	epoch atomic.Uint32

	// Called at the same moment; may be nil.
	onLost func()

	// Callers who are alone may go past valkey-go.
	asides bool
	singleCaller
	// writes of valkey-go on all connections, and the last one it wrote on.
	writes atomic.Uint64
	last   atomic.Pointer[directPath]
	// unknown counts the batches of single callers that went through valkey-go because
	// their connection was not known.
	unknown atomic.Uint32
}

func newNetwork(clk clock.Clock) *network {
	n := &network{clk: clk}
	n.epoch.Store(1)
	return n
}

// A connectError is that no connection came about: nothing of any request was
// sent over it.
type connectError struct{ err error }

func (e *connectError) Error() string { return "connect: " + e.err.Error() }

// Unwrap keeps os.ErrDeadlineExceeded back: valkey-go takes it, wherever it comes
// from, for the end of its caller's context.
func (e *connectError) Unwrap() error {
	if t := net.Error(nil); errors.As(e.err, &t) && t.Timeout() {
		return nil
	}
	return e.err
}

func (n *network) dial(ctx context.Context, addr string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
	n.epoch.Add(1)
	kind := "tcp"
	if strings.HasPrefix(addr, "/") {
		kind = "unix"
	}
	ctx, cancel := timeout.Context(ctx, n.clk, d.Timeout)
	defer cancel()
	dialer := *d
	// ctx has it
	dialer.Timeout = 0
	raw, err := dialer.DialContext(ctx, kind, addr)
	if err != nil {
		return nil, &connectError{err}
	}
	if config != nil {
		if raw, err = handshake(ctx, raw, addr, config); err != nil {
			return nil, &connectError{err}
		}
	}
	c := &conn{Conn: raw, network: n}
	if config == nil && n.asides {
		c.Conn = socket.Own(raw)
		if nc, ok := c.Conn.(socket.PromptConn); ok {
			c.direct = newDirectPath(nc, c)
		}
	}
	return c, nil
}

func handshake(ctx context.Context, raw net.Conn, addr string, config *tls.Config) (net.Conn, error) {
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName, _, _ = net.SplitHostPort(addr)
	}
	c := tls.Client(raw, config)
	if err := c.HandshakeContext(ctx); err != nil {
		// the handshake's error is the one that counts
		_ = raw.Close()
		return nil, err
	}
	return c, nil
}

// A conn is a connection to a node, watched by its network.
type conn struct {
	net.Conn
	network *network
	// Nil if no caller may bypass valkey-go.
	direct *directPath
	// The greeting is over: requests may be under way.
	up   atomic.Bool
	lost atomic.Bool
}

// SetDeadline tells, besides, when a connection is ready: valkey-go lifts the
// greeting's deadline when it starts to send requests.
func (c *conn) SetDeadline(t time.Time) error {
	if t.IsZero() {
		c.up.Store(true)
	}
	return c.Conn.SetDeadline(t)
}

func (c *conn) Read(b []byte) (int, error) {
	// an answer that still arrives has no caller
	if c.lost.Load() {
		return 0, net.ErrClosed
	}
	if c.direct != nil {
		n, err := c.direct.read(b)
		return n, c.failed(err)
	}
	n, err := c.Conn.Read(b)
	return n, c.failed(err)
}

// Write lets those who are about to call go first: while it has not returned,
// valkey-go collects what they send for its next write. Without that, the first
// of many who wake up at once has its request written alone, and so has each
// after it.
func (c *conn) Write(b []byte) (int, error) {
	runtime.Gosched()
	if c.direct != nil {
		c.direct.writing.Lock()
		defer c.direct.writing.Unlock()
		c.direct.announce(b)
	}
	n, err := c.Conn.Write(b)
	return n, c.failed(err)
}

func (c *conn) Close() error {
	c.lose()
	return c.Conn.Close()
}

func (c *conn) failed(err error) error {
	if err == nil {
		return nil
	}
	c.lose()
	if !c.up.Load() {
		return &connectError{err}
	}
	return err
}

func (c *conn) lose() {
	if !c.lost.Swap(true) {
		c.network.epoch.Add(1)
		if c.network.onLost != nil {
			c.network.onLost()
		}
	}
}
