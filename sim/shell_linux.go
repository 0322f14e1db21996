package sim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/sim/kernel"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/serve"
)

// HasShell reports that the server's shell can be simulated on this platform.
const HasShell = true

// Rules about the server's shell.
const (
	RuleDescriptor = "descriptor" // a system call on a descriptor that is not the caller's
	RuleTimeout    = "timeout"    // a connection was not ended when its time was over, or before
	RuleLeak       = "leak"       // something is left of a connection, or of the server
)

// A shell lets a server on tier 2 run its own network code: it has a simulated kernel
// in place of net.Pipe. The network is the bubble's and ends at the buffers of the
// kernel's sockets. Every system call waits at the gate.
type shell struct {
	b        *bubble
	seed     uint64
	kernel   *kernel.Kernel
	listener *kernel.Listener
	// certified is the server's configuration of TLS; nil if users' links are not over TLS.
	certified *tls.Config
	// Serve, and what carries bytes between the network and the kernel.
	serving, guests sync.WaitGroup
	// How often a server was stopped, guarded by bubble.mu; and when the script was over.
	stops int
	calm  time.Time
	// Before the run.
	goroutines int

	misuse atomic.Pointer[string]
	// System calls since time passed.
	calls int
}

// spinning is how many system calls without passing time mean that a server makes no
// progress.
const spinning = 1 << 20

// newShell draws a machine.
func newShell(b *bubble) *shell {
	sh := &shell{b: b, goroutines: runtime.NumGoroutine()}
	seed := script.Draw(b.script.Seed, uint64(b.script.Config.Kernel))
	d := script.NewDice(seed)
	c := kernel.Config{
		Seed: seed, Clock: b.clk, Processors: d.Between(1, 3), Turn: sh.turn,
		Receive: 1 << d.Between(9, 17), Send: 1 << d.Between(9, 17),
		Misuse: func(what string) { sh.misuse.CompareAndSwap(nil, &what) },
	}
	for _, f := range []*int{&c.Faults.Interrupt, &c.Faults.Again, &c.Faults.Partial, &c.Faults.Spurious, &c.Faults.Accept} {
		*f = []int{0, 1, 5, 30}[d.Below(4)]
	}
	if sh.orderly() {
		c.Faults.Accept = 0 // which takes time
	}
	sh.seed, sh.kernel = seed, kernel.New(c)
	// who lies, and flips bits, does so to what can be read
	if !sh.orderly() && !b.script.Config.Unix && !b.script.Config.Hostile && !b.corrupt && d.Chance(40) {
		sh.certified = certified()
	}
	return sh
}

// orderly reports whether the server does all that it can before anything else
// happens. That is so in scenarios, which say what happens when, unless they name a
// kernel.
func (sh *shell) orderly() bool { return sh.b.script.Config.Kernel == 0 }

// turn waits until a system call may be made.
func (sh *shell) turn(call kernel.Call, object uint64) {
	sh.b.gate.pass(&ticket{id: 1<<43 | uint64(call)<<37 | object, system: true, urgent: sh.orderly()})
}

// busy looks after what was let through, and reports whether the server is about to
// make a system call.
func (sh *shell) busy(after *ticket) bool {
	if after == nil || !after.system {
		sh.calls = 0
	}
	if sh.calls++; sh.calls == spinning {
		sh.b.violate(RuleLiveness, "the server goes round and round")
		sh.kernel.Halt()
	}
	if what := sh.misuse.Load(); what != nil {
		sh.b.violate(RuleDescriptor, *what)
	}
	return sh.b.first.frozen.Before(sh.b.clk.Now()) && sh.b.gate.system()
}

// configure makes a server that is about to be made run on the kernel.
func (sh *shell) configure(c *server.Config) {
	if sh != nil {
		c.Kernel = sh.kernel
	}
}

// serve starts accepting. It requires b.mu.
func (sh *shell) serve(s *server.Server) {
	if sh == nil {
		return
	}
	l := sh.kernel.Listen(addressOf(&sh.b.script.Config, 0))
	sh.listener = l
	sh.serving.Go(func() {
		if err := s.Serve(entrance{l, sh}); !errors.Is(err, server.ErrServerClosed) {
			sh.b.violate(RuleLiveness, fmt.Sprintf("the server accepts no more: %v", err))
		}
	})
}

// An entrance is a listener at which users speak TLS, if their links are to, and others
// do not: what comes from those is written by hand.
type entrance struct {
	*kernel.Listener
	sh *shell
}

// Accept implements net.Listener.
func (e entrance) Accept() (net.Conn, error) {
	conn, err := e.Listener.Accept()
	if err != nil || e.sh.certified == nil || !e.sh.secures(laneAt(conn.RemoteAddr())) {
		return conn, err
	}
	return serve.NewTLSListener(accepted{e.Listener, conn}, e.sh.certified).Accept()
}

// accepted is a listener at which a connection has come.
type accepted struct {
	net.Listener
	conn net.Conn
}

// Accept implements net.Listener.
func (a accepted) Accept() (net.Conn, error) { return a.conn, nil }

// stop notes that the server is about to be stopped, by which connections may be cut.
// It requires b.mu.
func (sh *shell) stop(cut bool) {
	if sh != nil && cut {
		sh.stops++
	}
}

// connect makes a connection of the kernel's from the end of one of the network's.
// what is end, or lies over it. It requires b.mu.
func (sh *shell) connect(what net.Conn, end *gatedConn, lane int) error {
	peer, err := sh.listener.Dial(uint64(lane)<<16|end.number, addressOf(&sh.b.script.Config, lane))
	if err != nil {
		return err
	}
	sh.serving.Go(func() { upwards(peer, what, end) })
	sh.serving.Go(func() { downwards(what, end, peer) })
	return nil
}

// carried is the number of bytes carried at a time.
const carried = 64 << 10

// upwards carries bytes from the network to the kernel.
func upwards(peer *kernel.Peer, from net.Conn, end *gatedConn) {
	buffer := make([]byte, carried)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, failed := peer.Write(buffer[:n]); failed != nil {
				end.reset()
				return
			}
		}
		if err == nil {
			continue
		}
		if isOver(end.closed) {
			peer.Close()
		} else {
			peer.CloseWrite()
		}
		return
	}
}

// downwards carries bytes from the kernel to the network.
func downwards(to net.Conn, end *gatedConn, peer *kernel.Peer) {
	buffer := make([]byte, carried)
	for {
		n, err := peer.Read(buffer)
		if n > 0 {
			if _, failed := to.Write(buffer[:n]); failed != nil {
				peer.Close()
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			end.finished()
			peer.AwaitClosed()
			end.reset()
			return
		case errors.Is(err, syscall.ECONNRESET):
			end.reset()
			return
		}
	}
}

// secures reports whether a lane's links are over TLS: those of users are, if any.
func (sh *shell) secures(lane int) bool {
	return sh != nil && sh.certified != nil && lane < rawLane
}

// lingering is for how long a guest may stay when the script is over.
const lingering = time.Hour

// ending is how long a server may take to end.
const ending = time.Minute

// end ends the server, half of the time before its clients, and looks what is left of
// it.
func (sh *shell) end() {
	b := sh.b
	sh.calm = b.clk.Now()
	if !b.finish(&sh.guests, lingering) {
		b.violate(RuleTimeout, fmt.Sprintf("a guest is still there after %v", lingering))
	}
	// a restart that is under way ends with the clients' calls
	restarts := slices.ContainsFunc(b.script.Actions, func(a script.Action) bool { return a.Verb == script.Restart })
	graceful, early := sh.seed%4 > 0, sh.seed>>8%2 == 0 && !restarts
	if !early {
		sh.leave()
	}
	sh.assemble()
	b.mu.Lock()
	sh.stop(!graceful)
	server := b.first.server
	b.mu.Unlock()
	var closing sync.WaitGroup
	closing.Go(func() {
		if !graceful {
			_ = server.Close() // errors come to nothing that could be left
		} else if err := server.Shutdown(context.Background()); err != nil {
			b.violate(RuleLiveness, "the server does not shut down: "+err.Error())
		}
	})
	if !b.finish(&closing, ending) || !b.finish(&sh.guests, ending) {
		b.violate(RuleLiveness, fmt.Sprintf("the server has not ended after %v", ending))
	}
	if early {
		sh.leave()
	}
	if !b.finish(&sh.serving, ending) {
		b.violate(RuleLiveness, fmt.Sprintf("connections have not ended after %v", ending))
	}
	b.runUntil(b.clk.Now().Add(time.Second), func() bool { return false }) // pollers may yet be in epoll
	sh.remains(server)
	if b.failed() {
		sh.kernel.Halt()
		b.finish(&sh.guests, ending)
		b.finish(&sh.serving, ending)
	}
}

// leave ends the clients.
func (sh *shell) leave() {
	sh.b.closeUsers()
	for _, c := range sh.b.first.conns {
		// a call that never ended may have left one
		c.reset()
	}
}

// remains looks what is left of a server that has ended.
func (sh *shell) remains(server *server.Server) {
	b := sh.b
	if s := server.Stats(); s.Connections != 0 || s.InFlight != 0 {
		b.violate(RuleLeak, fmt.Sprintf("%d connections and %d bytes in flight are left", s.Connections, s.InFlight))
	}
	if n := sh.kernel.Open(); n > 0 {
		b.violate(RuleLeak, fmt.Sprintf("%d descriptors are left open", n))
	}
	if runtime.NumGoroutine() > sh.goroutines && !b.failed() {
		if left := serverGoroutine(); left != "" {
			b.violate(RuleLeak, "a goroutine is left: "+left)
		}
	}
}

// serverGoroutine returns where a goroutine is that belongs to a server's shell, and
// nothing if there is none. There may be others: those of the runtime come and go.
func serverGoroutine() string {
	text := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(text[:runtime.Stack(text, true)]), "\n\n") {
		for line := range strings.Lines(stack) {
			if strings.Contains(line, "/transport/serve.") {
				return strings.TrimSpace(line)
			}
		}
	}
	return ""
}
