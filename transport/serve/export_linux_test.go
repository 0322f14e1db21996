package serve

import (
	"net"
	"runtime"
	"time"

	"github.com/benbjohnson/clock"
)

// Attended returns how many connections a goroutine serves by itself.
func Attended(s *Server) int { return int(s.attended.Load()) }

// Spread lets as many pollers as there are have connections.
func Spread(s *Server) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pollers.open.Store(int32(len(s.pollers.all)))
	return len(s.pollers.all)
}

// Polled returns how many connections are waited for by the poller that they
// belong to now, and how many by another one.
func Polled(s *Server) (placed, misplaced int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pollers.all {
		p.mu.Lock()
		for fd, c := range p.conns {
			switch {
			case c == nil:
			case s.pollers.of(fd) == p:
				placed++
			default:
				misplaced++
			}
		}
		p.mu.Unlock()
	}
	return placed, misplaced
}

// Kept returns how many sessions polled connections have, and how many of them the
// runtime polls as well.
func Kept(s *Server) (sessions, files int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if !c.polled.CompareAndSwap(true, false) {
			// counted as what it is not
			return -1, -1
		}
		if c.session != nil {
			sessions++
		}
		socket, ok := c.Conn.(*bareSocket)
		if !ok {
			files++
		} else {
			socket.mu.Lock()
			if socket.file != nil {
				files++
			}
			socket.mu.Unlock()
		}
		c.polled.Store(true)
	}
	return sessions, files
}

// Bare returns a TCP connection that the runtime does not poll.
func Bare(conn net.Conn) net.Conn { return bare(conn) }

// OpenAfter returns how many of the pollers have connections after one has waited
// for a part of the time that it looks back over, by the server's clock.
func OpenAfter(s *Server, n int, waited time.Duration, sleep func(time.Duration)) int {
	ps := &pollers{server: s}
	for range n {
		ps.all = append(ps.all, &poller{pollers: ps})
	}
	ps.open.Store(1)
	p := ps.all[0]
	p.measure(s.config.Now())
	began := s.config.Now()
	sleep(waited)
	p.measure(began)
	sleep(busyTime - waited)
	p.measure(s.config.Now())
	return int(ps.open.Load())
}

// UploadTurn is what a poller reads of a large value at a time, at the most but for
// the last piece.
const UploadTurn = uploadTurn

// Turn has a poller's turn at what has arrived on conn, which is in the middle of a
// request, once that is so many bytes. It returns how many bytes had arrived before, and
// whether the poller keeps the connection.
func Turn(conn net.Conn, session Session, atLeast int) (arrived int, stays bool, err error) {
	s := NewServer(ServerConfig{Clock: clock.NewMock()})
	ps, err := newPollers(s)
	if err != nil {
		return 0, false, err
	}
	s.pollers = ps
	defer ps.close()
	c := &serverConn{Conn: conn, server: s, session: session, slot: servingSlot}
	c.initRead()
	c.setPrompt(true)
	if c.ready == nil {
		c.ready = c.serveReady
	}
	for arrived < atLeast {
		arrived = c.arrived()
		runtime.Gosched()
	}
	err = c.raw.Control(c.ready)
	return arrived, c.stay, err
}

// BelowTLS returns what NewTLSListener has TLS spoken over.
func BelowTLS(conn net.Conn) net.Conn { return belowTLS(conn) }

// SetPrompt says whether a socket below TLS must not wait.
func SetPrompt(below net.Conn, prompt bool) { below.(*promptSocket).prompt.Store(prompt) }

// Held returns how many bytes it holds.
func Held(below net.Conn) int {
	p := below.(*promptSocket)
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.held)
}

// Flush has it send what it holds.
func Flush(below net.Conn) error { return below.(*promptSocket).Flush() }

// Flushing reports whether a Flush is under way.
func Flushing(below net.Conn) bool {
	p := below.(*promptSocket)
	free := p.mu.TryLock()
	if free {
		p.mu.Unlock()
	}
	return !free
}
