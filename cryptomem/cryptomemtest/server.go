// Package cryptomemtest gives tests a cryptomem server in memory, with the time
// in their hands.
//
//	func TestLogin(t *testing.T) {
//		server := cryptomemtest.NewServer(t)
//		sessions := NewSessions(server.Client())
//		...
//		server.Advance(30 * time.Minute) // and the session has expired
//	}
//
// The server and the clients are the real ones; between them are net.Pipes in
// place of sockets. Everything ends with the test.
//
// What goes wrong in production can be had at will: Down and Up, Delay, Busy,
// LoseAnswers.
//
// In a bubble of testing/synctest, make the server inside: all of it then belongs to
// the bubble, and synctest.Wait waits for what a client does in the background, such
// as the refresh of a stale value. There are two times then. Expiries, Delay and the
// pauses between attempts go by the server's Clock, which Advance moves; contexts go
// by the bubble's, which moves by itself.
package cryptomemtest

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// Secret is the secret of the clients that Server.Client returns. It guards
// nothing.
const Secret = "cryptomemtest: known to everyone"

// maxMemory is what a test server may hold, in bytes.
const maxMemory = 64 << 20

// TB is the part of testing.TB that a Server needs; GinkgoTB() has it as well.
type TB interface {
	Helper()
	Cleanup(f func())
	Fatalf(format string, args ...any)
}

// A Server is a cryptomem server in memory. It is safe for concurrent use.
type Server struct {
	// Clock is the time of the server and its clients. It stands still, at the
	// beginning of 2030, unless it is moved; Advance is the usual way. What
	// waits by it, such as Client.Lock for a lock that others hold, or Client.Update
	// while other clients are faster more than once, waits for the test.
	Clock *clock.Mock

	t      TB
	server *server.Server

	// Guards what follows.
	mu      sync.Mutex
	down    bool
	conns   []net.Conn
	latency time.Duration
	// How many requests are still to be refused.
	busy int
	// How many answers are still to be lost.
	lost int
}

// NewServer starts a server that ends with the test. FLUSH is allowed.
func NewServer(t TB) *Server {
	t.Helper()
	s := &Server{Clock: clock.NewMock(), t: t}
	s.Clock.Set(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	var err error
	s.server, err = server.New(server.Config{MaxMemory: maxMemory, AllowFlush: true, Clock: s.Clock})
	if err != nil {
		t.Fatalf("cryptomemtest: %v", err)
	}
	t.Cleanup(func() { _ = s.server.Close() })
	return s
}

// Client returns a client of the server that is closed with the test. Options
// come after the ones that make it the server's: Secret, the clock, no
// tolerance for other clocks, Dial, and no pause before connecting again.
func (s *Server) Client(opts ...cryptomem.Option) *cryptomem.Client {
	s.t.Helper()
	opts = append([]cryptomem.Option{
		cryptomem.WithSecret([]byte(Secret)),
		cryptomem.WithClock(s.Clock),
		cryptomem.WithSkew(0),
		cryptomem.WithDialer(s.Dial),
		cryptomem.WithBackoff(0, 0),
	}, opts...)
	c, err := cryptomem.Dial(context.Background(), "cryptomemtest", opts...)
	if err != nil {
		s.t.Fatalf("cryptomemtest: %v", err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// Dial is a cryptomem.DialFunc: it connects to the server, whatever the
// address. While the server is down it fails with net.ErrClosed.
func (s *Server) Dial(context.Context, string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, net.ErrClosed
	}
	near := newLink(s)
	s.conns = append(s.conns, near)
	return near, nil
}

// Advance moves the time on by d, which must not be negative.
func (s *Server) Advance(d time.Duration) { s.Clock.Add(d) }

// Down cuts all connections and refuses new ones until Up: for tests of what
// happens without the store. Items stay.
func (s *Server) Down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = true
	for _, c := range s.conns {
		// always nil
		_ = c.Close()
	}
	s.conns = nil
}

// Up lets clients connect again.
func (s *Server) Up() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = false
}

// Delay lets answers arrive d after they were given, by the Clock: they wait until
// the time is advanced. What was on its way already keeps its time.
func (s *Server) Delay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency = d
}

// Busy has the next n requests refused with cryptomem.ErrBusy.
func (s *Server) Busy(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = n
}

// LoseAnswers has the next n requests carried out, and the connection end before
// their answers: a write ends in cryptomem.ErrMaybeApplied, and what is harmless to
// repeat is sent again.
func (s *Server) LoseAnswers(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = n
}

func (s *Server) delay() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latency
}

// decide says what happens to the next request.
func (s *Server) decide(r *wire.Request) fate {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.busy > 0:
		s.busy--
		return fate{refused: true, command: r.Command}
	case s.lost > 0:
		s.lost--
		return fate{lost: true}
	}
	return fate{}
}

// Items returns how many items the server holds, expired ones that no request has
// asked for included.
func (s *Server) Items() int { return int(s.server.Cache().Stats().Items) }
