package serve

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// NewTLSListener returns a listener whose connections speak TLS, as those of
// tls.NewListener do, and that a Server can poll while they wait for a request. A
// Server can serve those of tls.NewListener as well, with a goroutine each.
func NewTLSListener(l net.Listener, config *tls.Config) net.Listener {
	return &tlsListener{l, config}
}

type tlsListener struct {
	net.Listener
	config *tls.Config
}

// Accept implements net.Listener. It does not wait for the handshake.
func (l *tlsListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return tls.Server(belowTLS(conn), l.config), nil
}

// belowTLS returns the connection to run TLS over: a promptSocket, if conn is a
// socket, or else conn.
func belowTLS(conn net.Conn) net.Conn {
	if s, ok := conn.(streamSocket); ok {
		if raw, err := s.SyscallConn(); err == nil {
			return newPromptSocket(s, raw)
		}
	}
	return conn
}

var errFlushing = errors.New("earlier bytes are being sent")

// A streamSocket is a *net.TCPConn or a *net.UnixConn.
type streamSocket interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

// A promptSocket is the socket below a tls.Conn. While it is prompt, reads and
// writes do not wait, so that a poller can call the tls.Conn.
//
// A read for which nothing has arrived fails with EAGAIN, which is temporary, so
// that the tls.Conn keeps the part of a record that it has and continues later. A
// write always succeeds: what the socket does not take is held, because the stream
// must not lose any bytes. The writer has to stop then, and call Flush before anything
// else. So no more is held than the rest of a record and messages of TLS itself.
type promptSocket struct {
	streamSocket
	raw syscall.RawConn
	// kernel is the server's, once that has the connection.
	kernel Kernel
	prompt atomic.Bool

	// in is where receive puts what it reads.
	in []byte
	// n and failed are what the last receive returned.
	n      int
	failed error
	// dry is set when that receive left nothing in the socket.
	dry     bool
	receive func(fd uintptr)

	// mu guards the fields below against a concurrent Close.
	mu   sync.Mutex
	out  []byte
	held []byte
	send func(fd uintptr)
}

func newPromptSocket(s streamSocket, raw syscall.RawConn) *promptSocket {
	p := &promptSocket{streamSocket: s, raw: raw, kernel: System()}
	p.receive = func(fd uintptr) {
		for p.n, p.failed = p.kernel.Read(int(fd), p.in); errors.Is(p.failed, syscall.EINTR); {
			p.n, p.failed = p.kernel.Read(int(fd), p.in)
		}
	}
	p.send = func(fd uintptr) {
		// An error comes again when Flush writes what is held.
		n, _ := p.kernel.Write(int(fd), p.out)
		p.out = p.out[max(n, 0):]
	}
	return p
}

// Read implements net.Conn.
func (p *promptSocket) Read(b []byte) (int, error) {
	switch {
	case !p.prompt.Load():
		return p.streamSocket.Read(b)
	case p.dry:
		return 0, syscall.EAGAIN
	}
	p.in = b
	err := p.raw.Control(p.receive)
	p.in = nil
	switch {
	case err != nil:
		return 0, err
	case p.failed != nil:
		return 0, p.failed
	case p.n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	// The poller notices what arrives later.
	p.dry = p.n < len(b)
	return p.n, nil
}

// Write implements net.Conn. It fails during a Flush: only Close writes then, to send
// the TLS alert, and must not wait.
func (p *promptSocket) Write(b []byte) (int, error) {
	if !p.mu.TryLock() {
		return 0, errFlushing
	}
	defer p.mu.Unlock()
	if !p.prompt.Load() {
		if err := p.flush(); err != nil {
			return 0, err
		}
		return p.streamSocket.Write(b)
	}
	p.out = b
	if len(p.held) == 0 {
		if err := p.raw.Control(p.send); err != nil {
			return 0, err
		}
	}
	p.held = append(p.held, p.out...)
	p.out = nil
	return len(b), nil
}

// Holding reports whether the socket has not taken everything that was written.
func (p *promptSocket) Holding() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.held) > 0
}

// Flush writes what is held, and waits until the socket has taken it.
func (p *promptSocket) Flush() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.flush()
}

// flush requires mu.
func (p *promptSocket) flush() error {
	if len(p.held) == 0 {
		return nil
	}
	n, err := p.streamSocket.Write(p.held)
	if p.held = p.held[n:]; len(p.held) == 0 {
		p.held = nil
	}
	return err
}

// initTLS prepares a connection over TLS for polling, where that is possible.
func (c *serverConn) initTLS() {
	conn, ok := c.Conn.(*tls.Conn)
	if !ok {
		return
	}
	if c.secured, ok = conn.NetConn().(*promptSocket); ok {
		c.secured.kernel = c.server.kernel
		c.raw, c.ready = c.secured.raw, c.serveRecords
	}
}

const (
	// maxRecord is the most data that a TLS record carries, in bytes.
	maxRecord = 16 << 10
	// recordCost is what a record counts for at least among the bytes of a turn: a client
	// may send one for each byte.
	recordCost = 4 << 10
)

// serveRecords is serveReady over TLS: it reads and executes until nothing that has
// arrived is left, because the poller notices what is in the socket, but not what
// TLS has read from there.
func (c *serverConn) serveRecords(fd uintptr) {
	c.moves = c.server.pollers.of(int(fd)) != c.poller
	c.secured.dry = false
	// A part of a record, or a message of TLS itself, moves no deadline.
	c.now = c.active
	for left := uploadTurn; left > 0 && !c.interrupted(); {
		n, err := c.Read(c.session.Buffer())
		if n == 0 && !errors.Is(err, syscall.EAGAIN) {
			c.stay, c.result = false, err
			c.session.Release()
			return
		}
		if n > 0 {
			c.now = c.server.config.Now()
			c.received(n, c.now)
			left -= max(n, recordCost)
			c.executeNow(fd)
		} else {
			c.session.Release()
			c.stay = true
		}
		if c.secured.Holding() {
			// TLS answers by itself, too, to a client that may not read.
			break
		}
		if n == 0 || !c.stay {
			return
		}
	}
	// A goroutine goes on, so that other connections get their turn: TLS may hold
	// records that the poller would not notice.
	c.stay = false
}

// writeRecords is writeNow over TLS.
func (c *serverConn) writeRecords(pending net.Buffers) bool {
	sent := 0
	for _, piece := range pending {
		for len(piece) > 0 {
			// An error comes again when a goroutine writes the rest.
			n, err := c.Write(piece[:min(len(piece), maxRecord)])
			sent += n
			if err != nil || c.secured.Holding() {
				c.sent(sent)
				return false
			}
			piece = piece[n:]
		}
	}
	c.sent(sent)
	return true
}

// setPrompt sets whether reads and writes of the connection must not wait.
func (c *serverConn) setPrompt(prompt bool) {
	if c.secured != nil {
		c.secured.prompt.Store(prompt)
	}
}

// sendHeld sends what was held while the connection was polled.
func (c *serverConn) sendHeld() error {
	if c.secured == nil || !c.secured.Holding() {
		return nil
	}
	// Charge what the session keeps while this waits.
	if c.session.Unsent() == 0 {
		c.session.Release()
	} else if !c.session.Hold() {
		c.server.counters.unread.Add(1)
		return errUnread
	}
	if !c.wait(forWrite, c.server.config.Now(), c.server.limits.Load().WriteTimeout) {
		return os.ErrDeadlineExceeded
	}
	err := c.secured.Flush()
	c.active = c.server.config.Now()
	return err
}
