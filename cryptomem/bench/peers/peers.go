package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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

// startPeers starts the server and the client of every peer, stores the keys
// and returns the peers, cryptomem first, and what stops them all.
func startPeers(s *settings) (peers []*peer, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, f := range stops {
			f()
		}
	}
	keys, value := make([]string, s.keys), make([]byte, s.value)
	for i := range keys {
		keys[i] = fmt.Sprintf("key:%020d", i)
	}
	start := func(path string, args ...string) error {
		cmd := exec.Command(path, args...) //nolint:gosec // our own list of servers
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
		if err := cmd.Start(); err != nil {
			return err
		}
		stops = append(stops, func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
		return nil
	}
	for _, join := range []struct {
		name   string
		server string
		args   func(port string) []string
		client func(addr string, keys []string, value []byte, s *settings) (*peer, func(), error)
	}{
		{"cryptomem, sealed", os.Args[0], func(port string) []string { return []string{serveCommand, port} }, cryptomemPeer},
		{"rueidis on redis-server", "redis-server", func(port string) []string {
			return []string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"}
		}, rueidisPeer},
		{"gomemcache on memcached", "memcached", func(port string) []string {
			return []string{"-p", port, "-l", "127.0.0.1", "-t", "1", "-c", "4096", "-u", "nobody"}
		}, memcachedPeer},
	} {
		path, err := exec.LookPath(join.server)
		if !takesPart(s, join.name) || err != nil && !filepath.IsAbs(join.server) {
			continue
		}
		port, err := freePort()
		if err != nil {
			return nil, stop, err
		}
		if err := start(path, join.args(port)...); err != nil {
			return nil, stop, err
		}
		addr := "127.0.0.1:" + port
		if err := await(addr); err != nil {
			return nil, stop, fmt.Errorf("%s: %w", join.name, err)
		}
		p, end, err := join.client(addr, keys, value, s)
		if err != nil {
			return nil, stop, fmt.Errorf("%s: %w", join.name, err)
		}
		p.name = join.name
		stops = append([]func(){end}, stops...)
		peers = append(peers, p)
	}
	if len(peers) == 0 {
		return nil, stop, errors.New("there is no server to compare with")
	}
	return peers, stop, nil
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
