// Package valkeytest runs real Valkey or Redis servers for specs: one node, a
// cluster, or sentinels, on free ports of 127.0.0.1 with their files in temporary
// directories, each ended by its process id when the spec ends.
package valkeytest

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/valkey-io/valkey-go"
)

// Variable is the environment variable that, set to "required", makes a missing
// server fail specs. Otherwise they are skipped, with the reason.
const Variable = "CRYPTOMEM_SPEC_VALKEY"

// A Server is one running process.
type Server struct {
	Addr string // "127.0.0.1:port"

	t    testing.TB
	args []string
	dir  string
	// "server" or "sentinel".
	mode string

	// Guards what follows.
	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{}
	admin valkey.Client
}

// Start runs a server with further arguments, such as "--maxmemory", "2mb", and
// returns once it accepts connections.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, "server", args...)
}

func start(t testing.TB, mode string, args ...string) *Server {
	t.Helper()
	s := &Server{Addr: FreeAddr(t), t: t, args: args, dir: t.TempDir(), mode: mode}
	t.Cleanup(s.Kill)
	s.Run()
	return s
}

// Run starts the process, again after Kill: under the same address, with an
// empty memory unless the arguments say otherwise.
func (s *Server) Run() {
	s.t.Helper()
	cmd := exec.Command(binary(s.t, s.mode), s.arguments()...) //nolint:gosec // a spec chooses the arguments
	cmd.Dir = s.dir
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s.t.Fatalf("start a %s: %v", s.mode, err)
	}
	s.mu.Lock()
	s.cmd, s.ended = cmd, make(chan struct{})
	s.mu.Unlock()
	ready := make(chan string, 1)
	go func() {
		defer close(s.ended)
		said := follow(bufio.NewScanner(out), ready)
		// ended by Kill, or said why
		_ = cmd.Wait()
		ready <- said
	}()
	if why := <-ready; why != "" {
		s.t.Fatalf("a %s did not start:\n%s", s.mode, why)
	}
}

func (s *Server) arguments() []string {
	_, port, _ := net.SplitHostPort(s.Addr)
	if s.mode == "sentinel" {
		file := s.dir + "/sentinel.conf"
		text := "bind 127.0.0.1\nport " + port + "\n" + strings.Join(s.args, "\n") + "\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			s.t.Fatalf("write the configuration of a sentinel: %v", err)
		}
		return []string{file, "--sentinel"}
	}
	return append([]string{
		"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no",
		"--repl-diskless-sync-delay", "0",
	}, s.args...)
}

// follow reads the log to its end. It sends "" once it says that the server is
// up, and returns all that was said before.
func follow(log *bufio.Scanner, ready chan<- string) string {
	var said strings.Builder
	up := false
	for log.Scan() {
		line := log.Text()
		if !up {
			said.WriteString(line + "\n")
		}
		if !up && (strings.Contains(line, "Ready to accept connections") || strings.Contains(line, "Sentinel ID is")) {
			up = true
			ready <- ""
		}
	}
	return said.String()
}

// Kill ends the process at once, as kill -9 does, and waits for its end.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.admin != nil {
		s.admin.Close()
		s.admin = nil
	}
	if s.cmd == nil {
		return
	}
	// it may have ended
	_ = s.cmd.Process.Kill()
	<-s.ended
	s.cmd = nil
}

func (s *Server) signal(sig os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("signal %v to the server: %v", sig, err)
	}
}

// Do sends a command to this very server, as an administrator would, and returns
// the answer. It is sent again when the connection breaks, as servers break all of
// theirs when their role changes.
func (s *Server) Do(args ...string) (answer valkey.ValkeyResult) {
	s.t.Helper()
	c := s.client()
	for range 3 {
		answer = c.Do(context.Background(), c.B().Arbitrary(args...).Build())
		if answer.NonValkeyError() == nil {
			break
		}
	}
	return answer
}

// Must is Do for a command that must not fail.
func (s *Server) Must(args ...string) *valkey.ValkeyMessage {
	s.t.Helper()
	m, err := s.Do(args...).ToMessage()
	if err != nil && !valkey.IsValkeyNil(err) {
		s.t.Fatalf("%v at %s: %v", args, s.Addr, err)
	}
	return &m
}

// Text is Must for a command that answers with text.
func (s *Server) Text(args ...string) string {
	s.t.Helper()
	m := s.Must(args...)
	text, err := m.ToString()
	if err != nil {
		s.t.Fatalf("%v at %s: %v", args, s.Addr, err)
	}
	// how RESP3 marks a text for people
	return strings.TrimPrefix(text, "txt:")
}

func (s *Server) client() valkey.Client {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.admin == nil {
		c, err := valkey.NewClient(valkey.ClientOption{
			InitAddress: []string{s.Addr}, ForceSingleClient: true, DisableCache: true, PipelineMultiplex: -1,
			Dialer: net.Dialer{Timeout: settle}, ConnWriteTimeout: settle,
			ReadBufferEachConn: 4096, WriteBufferEachConn: 4096, RingScaleEachConn: 4,
		})
		if err != nil {
			s.t.Fatalf("connect to the server at %s: %v", s.Addr, err)
		}
		s.admin = c
	}
	return s.admin
}

// Major returns the major version of the servers that are started.
func Major(t testing.TB) int {
	t.Helper()
	out, err := exec.Command(binary(t, "server"), "--version").Output() //nolint:gosec // found by its name
	if err != nil {
		t.Fatalf("ask for the version of the server: %v", err)
	}
	_, version, _ := strings.Cut(string(out), " v=")
	digits, _, _ := strings.Cut(version, ".")
	major, err := strconv.Atoi(digits)
	if err != nil {
		t.Fatalf("version of the server: %q", out)
	}
	return major
}

func binary(t testing.TB, mode string) string {
	t.Helper()
	for _, name := range []string{"valkey-" + mode, "redis-" + mode} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	why := fmt.Sprintf("neither valkey-%[1]s nor redis-%[1]s is installed", mode)
	if os.Getenv(Variable) == "required" {
		t.Fatal(why)
	}
	t.Skip(why)
	return ""
}

// FreeAddr returns an address on which no process listens at the moment. Its port is
// below those that systems give to clients, one of which would have it before the
// server does, and so is a cluster's own port 10,000 above, which no other server has.
func FreeAddr(t testing.TB) string {
	t.Helper()
	const first, last = 10_000, 20_000
	var err error
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(first+rand.IntN(last-first))) //nolint:gosec // any port will do
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr
		}
	}
	t.Fatalf("find a free port: %v", err)
	return ""
}

func portOf(addr string) int {
	_, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	return n
}

// Client returns a client of the library underneath, with its own defaults.
func Client(t testing.TB, addr string) valkey.Client {
	t.Helper()
	c, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{addr}})
	if err != nil {
		t.Fatalf("connect to %s: %v", addr, err)
	}
	t.Cleanup(c.Close)
	return c
}
