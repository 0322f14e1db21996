//go:build linux

package kernel

import (
	"io"
	"syscall"
)

// A buffer is a queue of bytes.
type buffer struct{ b []byte }

func (q *buffer) len() int { return len(q.b) }

func (q *buffer) add(b []byte) { q.b = append(q.b, b...) }

func (q *buffer) take(b []byte) {
	n := copy(b, q.b)
	q.b = q.b[n:]
	if len(q.b) == 0 {
		q.b = nil
	}
}

// A Peer is the other end of a Socket: another machine, and the network before it. Its
// methods take no turns and meet no faults; where they wait, one goroutine may read
// and one may write.
type Peer struct {
	s *Socket
	// One token each: something has changed.
	reads, writes chan struct{}
}

func (p *Peer) poke() {
	for _, c := range []chan struct{}{p.reads, p.writes} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Read takes what the server has sent; io.EOF at its end.
func (p *Peer) Read(b []byte) (int, error) {
	for {
		n, err, wait := p.read(b)
		if !wait {
			return n, err
		}
		<-p.reads
	}
}

func (p *Peer) read(b []byte) (n int, err error, wait bool) {
	s := p.s
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	switch n = min(len(b), s.out.len()); {
	case s.k.halted:
		return 0, syscall.ECONNRESET, false
	case n > 0:
		s.out.take(b[:n])
		s.writing.tell()
		return n, nil, false
	case s.reset:
		return 0, syscall.ECONNRESET, false
	case s.shut:
		return 0, io.EOF, false
	}
	return 0, nil, true
}

// AwaitClosed waits until the server has closed its socket. It takes the place of Read,
// at the end.
func (p *Peer) AwaitClosed() {
	for !p.isClosed() {
		<-p.reads
	}
}

func (p *Peer) isClosed() bool {
	p.s.k.mu.Lock()
	defer p.s.k.mu.Unlock()
	return p.s.isGone() || p.s.reset || p.s.k.halted
}

// Write hands bytes to the server's machine, as there is room. What comes to a socket
// that is closed breaks the connection.
func (p *Peer) Write(b []byte) (sent int, err error) {
	for sent < len(b) {
		n, err := p.write(b[sent:])
		sent += n
		if err != nil {
			return sent, err
		}
		if n == 0 {
			<-p.writes
		}
	}
	return sent, nil
}

func (p *Peer) write(b []byte) (int, error) {
	s := p.s
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	if s.isGone() && !s.reset && !s.unix {
		s.broken()
	}
	if s.isGone() || s.reset || s.finished || s.k.halted {
		return 0, syscall.EPIPE
	}
	n := min(len(b), max(s.k.config.Receive-s.in.len(), 0))
	if n > 0 {
		s.in.add(b[:n])
		s.arrived += n
		s.news()
	}
	return n, nil
}

// CloseWrite ends what the peer sends.
func (p *Peer) CloseWrite() {
	p.s.k.mu.Lock()
	defer p.s.k.mu.Unlock()
	p.s.finished = true
	p.s.news()
}

// Close is the end of the peer's program: what it has not read resets the connection,
// and so does what the server sends from now on.
func (p *Peer) Close() {
	s := p.s
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	s.finished, s.deaf = true, true
	if s.out.len() > 0 {
		s.broken()
		s.out = buffer{}
		return
	}
	s.news()
}

// Reset breaks the connection. A Unix socket has no other way than to be closed.
func (p *Peer) Reset() {
	if p.s.unix {
		p.Close()
		return
	}
	p.s.k.mu.Lock()
	defer p.s.k.mu.Unlock()
	p.s.broken()
}

// Arrived returns how many bytes have reached the server's machine.
func (p *Peer) Arrived() int {
	p.s.k.mu.Lock()
	defer p.s.k.mu.Unlock()
	return p.s.arrived
}
