package serve_test

import (
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/transport/serve"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// BenchmarkPolled is a request on a polled socket and its answer, client included.
// System calls through the Kernel cost it no allocation.
func BenchmarkPolled(b *testing.B) {
	s := serve.NewServer(serve.ServerConfig{
		NewHandler: func(net.Conn) session.Handler { return echo{} }, MaxValueSize: 1 << 20, Clock: clock.New(),
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = s.Serve(l) }() // ends with s
	b.Cleanup(func() { _ = s.Close() })
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	request, err := wire.AppendRequest(nil, &wire.Request{Command: wire.Ping, Value: make([]byte, 100)})
	if err != nil {
		b.Fatal(err)
	}
	answer := make([]byte, len(wire.AppendResponse(nil, wire.OK, make([]byte, 100))))
	var before, after syscall.Rusage
	b.ReportAllocs()
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, answer); err != nil {
			b.Fatal(err)
		}
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	spent := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(spent)/float64(b.N), "cpu-ns/op")
}
