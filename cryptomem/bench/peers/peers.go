package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/redis/rueidis"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
)

const serveCommand = "serve-for-bench"

// A peer is a client on a server of its own.
type peer struct {
	name string
	get  func(goroutine, key int) error
}

// A contender is a server, and the client that makes a peer on it.
type contender struct {
	name   string
	server string
	args   func(port string) []string
	client func(addr string, keys []string, value []byte, s *settings) (*peer, func(), error)
}

// contenders begins with cryptomem, which the others are compared with.
var contenders = []contender{
	{"cryptomem, sealed", os.Args[0], func(port string) []string { return []string{serveCommand, port} }, cryptomemPeer},
	{"rueidis on redis-server", "redis-server", func(port string) []string {
		return []string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"}
	}, rueidisPeer},
	{"gomemcache on memcached", "memcached", func(port string) []string {
		return []string{"-p", port, "-l", "127.0.0.1", "-t", "1", "-c", "4096", "-u", "nobody"}
	}, memcachedPeer},
}

// startPeers starts the server and the client of every contender that is installed,
// stores the keys and returns the peers, cryptomem first, and what stops them all.
func startPeers(s *settings) (peers []*peer, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, f := range slices.Backward(stops) {
			f()
		}
	}
	keys, value := make([]string, s.keys), make([]byte, s.value)
	for i := range keys {
		keys[i] = fmt.Sprintf("key:%020d", i)
	}
	for _, c := range contenders {
		path, err := exec.LookPath(c.server)
		if !takesPart(s, c.name) || err != nil && !filepath.IsAbs(c.server) {
			continue
		}
		addr, stopServer, err := c.serve(path)
		if err != nil {
			return nil, stop, fmt.Errorf("%s: %w", c.name, err)
		}
		stops = append(stops, stopServer)
		p, closeClient, err := c.client(addr, keys, value, s)
		if err != nil {
			return nil, stop, fmt.Errorf("%s: %w", c.name, err)
		}
		stops = append(stops, closeClient)
		p.name = c.name
		peers = append(peers, p)
	}
	if len(peers) == 0 {
		return nil, stop, errors.New("there is no server to compare with")
	}
	return peers, stop, nil
}

// serve starts the server at path and waits until it listens on addr.
func (c *contender) serve(path string) (addr string, stop func(), err error) {
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(path, c.args(port)...) //nolint:gosec // our own list of servers
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() }
	addr = "127.0.0.1:" + port
	if err := await(addr); err != nil {
		stop()
		return "", nil, err
	}
	return addr, stop, nil
}

func cryptomemPeer(addr string, keys []string, value []byte, s *settings) (*peer, func(), error) {
	ctx := context.Background()
	c, err := cryptomem.Dial(ctx, addr, cryptomem.WithSecret([]byte("your-32-byte-very-secret-key-!!!")))
	if err != nil {
		return nil, nil, err
	}
	for _, k := range keys {
		if err := c.Set(ctx, k, value); err != nil {
			return nil, nil, err
		}
	}
	buffers := make([][]byte, s.goroutines)
	return &peer{get: func(g, key int) (err error) {
		buffers[g], err = c.GetAppend(ctx, buffers[g][:0], keys[key])
		return err
	}}, func() { _ = c.Close() }, nil
}

func rueidisPeer(addr string, keys []string, value []byte, _ *settings) (*peer, func(), error) {
	ctx := context.Background()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true, PipelineMultiplex: -1})
	if err != nil {
		return nil, nil, err
	}
	for _, k := range keys {
		if err := c.Do(ctx, c.B().Set().Key(k).Value(string(value)).Build()).Error(); err != nil {
			return nil, nil, err
		}
	}
	return &peer{get: func(_, key int) error {
		_, err := c.Do(ctx, c.B().Get().Key(keys[key]).Build()).AsBytes()
		return err
	}}, c.Close, nil
}

func memcachedPeer(addr string, keys []string, value []byte, s *settings) (*peer, func(), error) {
	c := memcache.New(addr)
	c.MaxIdleConns, c.Timeout = s.goroutines, 5*time.Second
	for _, k := range keys {
		if err := c.Set(&memcache.Item{Key: k, Value: value}); err != nil {
			return nil, nil, err
		}
	}
	return &peer{get: func(_, key int) error {
		_, err := c.Get(keys[key])
		return err
	}}, func() { _ = c.Close() }, nil
}

// serve is the cryptomem server in a process of its own.
func serve() error {
	s, err := server.New(server.Config{})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Args[2])
	if err != nil {
		return err
	}
	return s.Serve(l)
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), l.Close()
}

// await waits until a server listens on addr.
func await(addr string) error {
	var err error
	for range 100 {
		var c net.Conn
		if c, err = net.Dial("tcp", addr); err == nil {
			return c.Close()
		}
		wall.Sleep(20 * time.Millisecond)
	}
	return err
}

func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
