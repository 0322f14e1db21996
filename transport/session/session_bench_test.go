package session_test

import (
	"bytes"
	"testing"

	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// echo answers every request with its value.
type echo struct{}

func (echo) Handle(_ int64, dst []byte, r *wire.Request) []byte {
	return wire.AppendResponse(dst, wire.OK, r.Value)
}

// BenchmarkSession is what a session costs a request, without a store and
// without a socket.
func BenchmarkSession(b *testing.B) {
	one, err := wire.AppendRequest(nil, &wire.Request{Command: wire.Set, Key: make([]byte, 24), Value: make([]byte, 64)})
	if err != nil {
		b.Fatal(err)
	}
	for name, depth := range map[string]int{"alone": 1, "16 together": 16} {
		b.Run(name, func(b *testing.B) {
			input := bytes.Repeat(one, depth)
			s := session.New(echo{}, session.Limits{Meter: session.NewMeter(false)})
			b.ReportAllocs()
			for i := 0; i < b.N; i += depth {
				s.Received(copy(s.Buffer(), input))
				if err := s.Execute(1); err != nil {
					b.Fatal(err)
				}
				s.Sent(len(s.Pending()[0]))
				s.Measure(1, 2)
				s.Release()
			}
		})
	}
}
