package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/transport/timeout"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// Defaults of a Server.
const (
	DefaultTimeout      = 5 * time.Second
	DefaultMaxValueSize = 1 << 20
	DefaultGrace        = 5 * time.Second
)

// A Server says how to reach the server to be judged, and how it is set up. Dial and
// Clock must be set; every other zero field means its default.
type Server struct {
	// Dial connects. What it returns is ready for the first request: TLS is up.
	Dial    func(context.Context) (net.Conn, error)
	Clock   clock.Clock
	Timeout time.Duration // for each answer; default 5 s

	Identity string // to authenticate as, with Token; none is not to authenticate
	Token    []byte

	// Prefix is what the keys that are used begin with, before a random part of each
	// run, as where an identity may use only some. What is stored there is removed
	// again, and nothing else is touched.
	Prefix string

	MaxValueSize int // the longest value that the server takes, in bytes; default 1 MiB

	// What follows is not tried where it is 0: it would take too long, or too much.

	MaxConnections int           // how many the server takes from here
	FrameTimeout   time.Duration // how long a request may take to arrive
	AuthTimeout    time.Duration // how long a client may take to authenticate
	WriteTimeout   time.Duration // how long a client may take to read its answers
	IdleTimeout    time.Duration // how long a client may take to begin the next request
	Grace          time.Duration // how much later than a deadline the server may act; default 5 s
	// Alone says that no one else uses the server, so that it may be emptied.
	Alone bool
}

// A serverCase is tried on a fresh trial.
type serverCase struct {
	name, rule string
	try        func(*trial)
}

// serverCases are all of them, in the order of docs/protocol.md.
func serverCases() []serverCase {
	return slices.Concat(
		streamCases, itemCases, versionCases, otherCases, keyCases, timeCases,
		refusalCases, magicCases, connectionCases, authCases, dialogueCases(),
	)
}

// OfServer returns the suite that holds a server to docs/protocol.md.
func OfServer(s Server) *Suite {
	if s.Timeout == 0 {
		s.Timeout = DefaultTimeout
	}
	if s.MaxValueSize == 0 {
		s.MaxValueSize = DefaultMaxValueSize
	}
	if s.Grace == 0 {
		s.Grace = DefaultGrace
	}
	run := rand.Text()[:8]
	suite := &Suite{clock: s.Clock, begin: s.greet, end: func() {}}
	for _, c := range serverCases() {
		prefix := fmt.Sprintf("%sconformance/%s/%s/", s.Prefix, run, c.name)
		suite.cases = append(suite.cases, boundCase{Case{c.name, c.rule}, func(ctx context.Context) error {
			t := &trial{ctx: ctx, server: &s, prefix: prefix}
			c.try(t)
			return t.end()
		}})
	}
	return suite
}

// greet checks that there is a server that can be tried, in half of the time that a case
// may wait, and that it lets the keys of the cases be read and written.
func (s *Server) greet(ctx context.Context) error {
	hasty := *s
	hasty.Timeout /= 2
	t := &trial{ctx: ctx, server: &hasty}
	p := t.connect()
	a := p.ask(wire.Ping, "", "hello", 0)
	p.over = true // how it ends is for the cases
	if t.err == nil && a.Status == wire.Denied {
		t.err = errors.New("the server wants AUTH: name an identity, and its token")
	}
	if t.err == nil {
		a.is(wire.OK).holds("hello")
	}
	for _, c := range []wire.Command{wire.Get, wire.Delete} {
		p.queueRaw(wire.Request{Command: c, Key: []byte(s.Prefix + "conformance/" + rand.Text())})
		p.flush()
		a := p.next()
		refused := wire.Refusal{Status: a.Status, Message: string(a.Value)}
		if t.err == nil && a.Status > wire.OK && refused.Denied() {
			t.err = fmt.Errorf("%s is refused on the keys of the cases (%q): "+
				"name the namespace of the identity, and use one that may read and write all keys in it", c, a.Value)
		}
	}
	return t.end()
}

// A trial is one case on its way. Its first failure is what counts: after that,
// nothing more is sent, and every answer is an empty one.
type trial struct {
	ctx    context.Context
	server *Server
	prefix string // of keys
	peers  []*peer
	keys   map[string]bool // that were sent, without the prefix
	err    error
}

// fail notes what the server did wrong.
func (t *trial) fail(format string, args ...any) {
	if t.err == nil {
		t.err = fmt.Errorf(format, args...)
	}
}

// skip ends a trial that cannot be made.
func (t *trial) skip(format string, args ...any) {
	if t.err == nil {
		t.err = skip(fmt.Sprintf(format, args...))
	}
}

// end closes all connections, having made sure that no answer is left on them, and
// removes what was stored.
func (t *trial) end() error {
	for _, p := range t.peers {
		p.finish()
		p.close()
	}
	cleaner := &trial{ctx: t.ctx, server: t.server, prefix: t.prefix}
	if len(t.keys) > 0 {
		p := cleaner.connect()
		for key := range t.keys {
			p.queue(wire.Delete, key, "", 0)
		}
		p.flush()
		for range t.keys {
			p.next()
		}
	}
	for _, p := range cleaner.peers {
		p.close()
	}
	if t.err == nil && cleaner.err != nil {
		t.err = fmt.Errorf("remove what was stored: %w", cleaner.err)
	}
	return t.err
}

// connect returns a connection that may do everything.
func (t *trial) connect() *peer {
	p := t.connectStranger()
	if t.server.Identity != "" {
		p.login().is(wire.OK)
	}
	return p
}

// connectStranger returns a connection that has not authenticated.
func (t *trial) connectStranger() *peer {
	p := &peer{trial: t}
	if t.err != nil {
		return p
	}
	ctx, cancel := timeout.Context(t.ctx, t.server.Clock, t.server.Timeout)
	defer cancel()
	conn, err := t.server.Dial(ctx)
	if err != nil {
		t.fail("connect: %w", err)
		return p
	}
	p.open(conn)
	t.peers = append(t.peers, p)
	return p
}

// wait lets time pass.
func (t *trial) wait(d time.Duration) {
	if t.err != nil || d <= 0 {
		return
	}
	timer := t.server.Clock.Timer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
		t.err = t.ctx.Err()
	}
}

func (t *trial) now() time.Time { return t.server.Clock.Now() }
