package cryptomem_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/cryptomem/storetest"
)

func TestOurServerOverTCPKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) cryptomem.Store {
		s := startServer(t, clock.New())
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go s.Serve(l) //nolint:errcheck // which ends with the server
		return serverStore(t, l.Addr().String())
	})
}

func TestOurServerOverAPipeKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) cryptomem.Store {
		mock := clock.NewMock()
		mock.Set(time.Unix(1_800_000_000, 0))
		s := startServer(t, mock)
		dial := func(context.Context, string) (net.Conn, error) { return pipeTo(s), nil }
		return clockedStore{serverStore(t, "pipe", cryptomem.WithDialer(dial), cryptomem.WithClock(mock)), mock}
	})
}

func startServer(t *testing.T, clk clock.Clock) *server.Server {
	t.Helper()
	s, err := server.New(server.Config{MaxMemory: 64 << 20, AllowFlush: true, Clock: clk})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func serverStore(t *testing.T, addr string, opts ...cryptomem.Option) cryptomem.Store {
	t.Helper()
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
