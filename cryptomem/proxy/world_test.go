package proxy_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/keyspace"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore/valkeytest"
)

const secret = "the secret of these specs, no more"

// An upstream is a real server with a client that seals, and a count of how
// often it was called.
type upstream struct {
	keyspace.Upstream
	calls atomic.Int64
	clock *flowing
}

func (u *upstream) Do(ctx context.Context, rs []*keyspace.Request) {
	u.calls.Add(1)
	u.Upstream.Do(ctx, rs)
	u.clock.passed.Add(1)
}

// A flowing clock is the server's: between two calls a nanosecond passes, so that
// what one of them removed, which is a value that has ended, is gone by the next.
type flowing struct {
	*clock.Mock
	passed atomic.Int64
}

func (f *flowing) Now() time.Time                  { return f.Mock.Now().Add(time.Duration(f.passed.Load())) }
func (f *flowing) Since(t time.Time) time.Duration { return f.Now().Sub(t) }

// A world is a server in memory and what its clients have in common.
type world struct {
	clock  *clock.Mock
	flow   *flowing
	server *server.Server
}

func newWorld(c *clock.Mock) *world {
	GinkgoHelper()
	flow := &flowing{Mock: c}
	s, err := server.New(server.Config{Clock: flow, AllowFlush: true, MaxMemory: 256 << 20, MaxValueSize: 64 << 20})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(s.Close)
	return &world{clock: c, flow: flow, server: s}
}

// client returns a client of a namespace.
func (w *world) client(namespace string, opts ...cryptomem.Option) *cryptomem.Client {
	GinkgoHelper()
	dial := func(context.Context, string) (net.Conn, error) {
		near, far := net.Pipe()
		go w.server.ServeConn(far)
		return near, nil
	}
	opts = append([]cryptomem.Option{
		cryptomem.WithSecret([]byte(secret[:32])), cryptomem.WithNamespace(namespace), cryptomem.WithClock(w.clock),
		cryptomem.WithSkew(0), cryptomem.WithDialer(dial), cryptomem.WithMaxValueSize(64 << 20),
	}, opts...)
	c, err := cryptomem.Dial(context.Background(), "pipe:0", opts...)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(c.Close)
	return c
}

func (w *world) upstream() *upstream {
	GinkgoHelper()
	return &upstream{Upstream: keyspace.NewSealed(w.client("spec"), w.clock), clock: w.flow}
}

// startRedis starts the Redis that answers are compared with, and returns a
// connection to it.
func startRedis() *redisConn {
	GinkgoHelper()
	conn, err := net.Dial("tcp", valkeytest.Start(GinkgoTB()).Addr)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(conn.Close)
	redis := &redisConn{Conn: conn}
	if version := string(redis.do("INFO", "server").Bytes); !strings.Contains(version, "redis_version:7.0.") {
		Skip("answers are those of Redis 7.0, which is not the one that is installed")
	}
	return redis
}
