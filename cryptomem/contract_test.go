package cryptomem_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	. "github.com/onsi/ginkgo/v2"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/cryptomem/storetest"
	"github.com/Zezezknight/cryptomem/testdata/plain"
)

// patience is for how long a server may be silent, by a real clock: a busy machine is no
// failure.
const patience = time.Minute

var _ = DescribeTable("The contract of stores is kept by", func(newStore func(*testing.T) cryptomem.Store) {
	plain.Test("contract", func(t *testing.T) { storetest.Run(t, newStore) })
},
	Entry("our server over TCP", func(t *testing.T) cryptomem.Store {
		s := startServer(t, clock.New())
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go s.Serve(l) //nolint:errcheck // which ends with the server
		return serverStore(t, l.Addr().String())
	}),
	Entry("our server over a pipe", func(t *testing.T) cryptomem.Store {
		mock := clock.NewMock()
		mock.Set(time.Unix(1_800_000_000, 0))
		s := startServer(t, mock)
		dial := func(context.Context, string) (net.Conn, error) { return pipeTo(s), nil }
		return clockedStore{serverStore(t, "pipe", cryptomem.WithDialer(dial), cryptomem.WithClock(mock)), mock}
	}),
	Entry("a ring of our servers", func(t *testing.T) cryptomem.Store {
		mock := clock.NewMock()
		mock.Set(time.Unix(1_800_000_000, 0))
		var servers []cryptomem.RingServer
		for _, name := range []string{"a", "b", "c"} {
			s := startServer(t, mock)
			dial := func(context.Context, string) (net.Conn, error) { return pipeTo(s), nil }
			store := serverStore(t, name, cryptomem.WithDialer(dial), cryptomem.WithClock(mock))
			servers = append(servers, cryptomem.RingServer{Name: name, Store: store})
		}
		return clockedStore{ringOf(t, servers, cryptomem.Failover{}), mock}
	}),
	Entry("a ring with failover", func(t *testing.T) cryptomem.Store {
		var servers []cryptomem.RingServer
		for i := range 3 {
			s := startServer(t, clock.New())
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go s.Serve(l) //nolint:errcheck // which ends with the server
			addr := l.Addr().String()
			servers = append(servers, cryptomem.RingServer{Name: addr, Weight: float64(i + 1), Store: serverStore(t, addr)})
		}
		return ringOf(t, servers, cryptomem.Failover{Pause: patience, Prefix: []byte("all")})
	}),
)

func ringOf(t *testing.T, servers []cryptomem.RingServer, f cryptomem.Failover) cryptomem.Store {
	t.Helper()
	ring, err := cryptomem.NewRing(servers, f)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func startServer(t *testing.T, clk clock.Clock) *server.Server {
	t.Helper()
	// The contract moves a mock clock by years. No connection ends meanwhile.
	const idle = 100 * 365 * 24 * time.Hour
	s, err := server.New(server.Config{MaxMemory: 64 << 20, AllowFlush: true, IdleTimeout: idle, Clock: clk})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func serverStore(t *testing.T, addr string, opts ...cryptomem.Option) cryptomem.Store {
	t.Helper()
	opts = append(opts, cryptomem.WithTimeout(patience), cryptomem.WithDialTimeout(patience), cryptomem.WithFallbackTimeout(patience))
	store, err := cryptomem.NewServerStore(addr, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func pipeTo(s *server.Server) net.Conn {
	near, far := net.Pipe()
	go s.ServeConn(far)
	return near
}

// A clockedStore is one whose time is the test's.
type clockedStore struct {
	cryptomem.Store
	clock *clock.Mock
}

func (s clockedStore) Advance(d time.Duration) { s.clock.Add(d) }
