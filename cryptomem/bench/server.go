package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/transport/timeout"
)

// A Server is a program that a comparison starts.
type Server struct {
	// Name of the program, or its path.
	Name      string
	Protocol  Protocol
	arguments func(port string, r Room) []string
}

// Room is what a server is started for.
type Room struct {
	// The limit to keep to by eviction, in bytes.
	Memory int64
	// ValueSize of the largest value.
	ValueSize int
	// Over all processors, with a thread for each, and not one on the first.
	Spread bool
	// Connections at once, if they are more than a thousand.
	Connections int
	// TLS is nil for a server without TLS.
	TLS *TLSFiles
}

// TLSFiles are what servers speak TLS with, PEM files by their full names.
type TLSFiles struct {
	Cert, Key string
	// CA has signed Cert, for 127.0.0.1.
	CA string
}

// RoomFor returns room that no load of this kind uses up.
func RoomFor(l Load) Room { return Room{Memory: int64(memoryFor(l)), ValueSize: l.ValueSize} }

func (r Room) threads() string {
	if r.Spread {
		return strconv.Itoa(runtime.NumCPU())
	}
	return "1"
}

// Servers returns those that a comparison can start: cryptomem, which is the
// program at path, and of the others those that are installed. Each one gets
// one thread, unless it is to spread, and as much memory as it is told, writes
// nothing to disk, and listens on the loopback interface only.
func Servers(path string) []Server {
	servers := []Server{{path, Cryptomem, func(port string, r Room) []string {
		args := []string{
			"serve", "--addr", "127.0.0.1:" + port, "--log-level", "error",
			"--max-memory", strconv.FormatInt(r.Memory, 10), "--max-value-size", strconv.Itoa(max(r.ValueSize, 1<<20)),
		}
		if r.TLS != nil {
			args = append(args, "--tls-cert", r.TLS.Cert, "--tls-key", r.TLS.Key)
		}
		return args
	}}}
	for _, s := range []Server{
		{"memcached", Memcached, func(port string, r Room) []string {
			args := []string{
				"-l", "127.0.0.1", "-p", port, "-U", "0", "-t", r.threads(),
				"-m", strconv.FormatInt(r.Memory>>20, 10), "-I", strconv.Itoa(2*r.ValueSize>>20+1) + "m",
			}
			if me, err := user.Current(); err == nil && me.Uid == "0" {
				// it does not run as root unless told to
				args = append(args, "-u", me.Username)
			}
			if r.Connections > 0 {
				args = append(args, "-c", strconv.Itoa(r.Connections))
			}
			if r.TLS != nil {
				args = append(args, "-Z", "-o", "ssl_chain_cert="+r.TLS.Cert+",ssl_key="+r.TLS.Key)
			}
			return args
		}},
		{"redis-server", Redis, func(port string, r Room) []string {
			args := []string{
				"--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
				"--maxmemory", strconv.FormatInt(r.Memory, 10), "--maxmemory-policy", "allkeys-lru",
			}
			if r.Connections > 0 {
				args = append(args, "--maxclients", strconv.Itoa(r.Connections))
			}
			if r.TLS == nil {
				return append(args, "--port", port)
			}
			return append(
				args, "--port", "0", "--tls-port", port, "--tls-auth-clients", "no",
				"--tls-cert-file", r.TLS.Cert, "--tls-key-file", r.TLS.Key, "--tls-ca-cert-file", r.TLS.CA,
			)
		}},
	} {
		if _, err := exec.LookPath(s.Name); err == nil {
			servers = append(servers, s)
		}
	}
	return servers
}

// memoryFor returns a limit that no load of this kind reaches, in bytes.
func memoryFor(l Load) int {
	const overhead = 256 // bytes an item, more than any of the servers takes
	return 256<<20 + 3*l.Keys*(l.KeySize+l.ValueSize+overhead)
}

// A Process is a Server that runs.
type Process struct {
	Addr    string // host:port
	PID     int
	command *exec.Cmd
	// Closed when it has.
	ended chan struct{}
	// How it did; to be read after ended.
	failure error
}

// startTimeout is how long a server may take until it accepts connections.
const startTimeout = 10 * time.Second

// Start runs the server on a free port and waits until it accepts connections.
// Stop ends it, and so does the end of ctx.
func (s *Server) Start(ctx context.Context, clk clock.Clock, r Room) (*Process, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	argv := append([]string{s.Name}, s.arguments(port, r)...)
	if !r.Spread {
		argv = append(OnFirstProcessor(), argv...)
	}
	p := &Process{Addr: "127.0.0.1:" + port, ended: make(chan struct{})}
	p.command = exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // our own list of servers
	p.command.Dir = os.TempDir()                               // where no configuration of theirs is
	p.command.Env = append(withoutSettings(os.Environ()), "GOMAXPROCS="+r.threads())
	p.command.Cancel = p.terminate
	p.command.WaitDelay = startTimeout
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	p.PID = p.command.Process.Pid
	go func() {
		p.failure = p.command.Wait()
		close(p.ended)
	}()
	if err := p.await(ctx, clk); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name, errors.Join(err, p.Stop()))
	}
	return p, nil
}

// withoutSettings drops what would configure a cryptomem server.
func withoutSettings(env []string) []string {
	var kept []string
	for _, e := range env {
		if !strings.HasPrefix(e, "CRYPTOMEM_") {
			kept = append(kept, e)
		}
	}
	return kept
}

// await waits until the process accepts a connection.
func (p *Process) await(ctx context.Context, clk clock.Clock) error {
	ctx, cancel := timeout.Context(ctx, clk, startTimeout)
	defer cancel()
	for {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", p.Addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-p.ended:
			return fmt.Errorf("it ended: %w", errors.Join(p.failure, err))
		case <-clk.After(10 * time.Millisecond):
		}
	}
}

// terminate asks the process to end, or ends it where one cannot ask.
func (p *Process) terminate() error {
	err := p.command.Process.Signal(syscall.SIGTERM)
	if err == nil || errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return p.command.Process.Kill()
}

// Stop ends the process and waits for its end; how it ends when told to is its
// own affair.
func (p *Process) Stop() error {
	if err := p.terminate(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	return nil
}

func freePort(ctx context.Context) (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// OnFirstProcessor returns the words that, before a command, bind it to the
// first processor; none where that cannot be done.
func OnFirstProcessor() []string { return pinned("0") }

// OnOtherProcessors returns the words that, before a command, keep it off the
// first processor; none where that cannot be done.
func OnOtherProcessors() []string { return pinned(fmt.Sprintf("1-%d", runtime.NumCPU()-1)) }

func pinned(processors string) []string {
	path, err := exec.LookPath("taskset")
	if err != nil || runtime.NumCPU() < 2 {
		return nil
	}
	return []string{path, "-c", processors}
}
