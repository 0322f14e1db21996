package session_test

import (
	"bytes"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// memory answers GET with the value under the key, and stores what SET brings.
type memory map[string]string

func (m memory) Handle(_ int64, dst []byte, r *wire.Request) []byte {
	switch r.Command {
	case wire.Set:
		m[string(r.Key)] = string(r.Value)
		return wire.AppendResponse(dst, wire.OK, nil)
	case wire.Get:
		if v, ok := m[string(r.Key)]; ok {
			return wire.AppendResponse(dst, wire.OK, []byte(v))
		}
		return wire.AppendResponse(dst, wire.NotFound, nil)
	}
	return wire.AppendResponse(dst, wire.OK, nil)
}

func frames(requests ...wire.Request) []byte {
	var b []byte
	for _, r := range requests {
		b, _ = wire.AppendRequest(b, &r)
	}
	return b
}

// pass runs one batch through the session from began to ended.
func pass(s *session.Session, input []byte, began, ended int64) {
	for len(input) > 0 {
		n := copy(s.Buffer(), input)
		input = input[n:]
		s.Received(n)
		for {
			_ = s.Execute(began)
			pending := s.Pending()
			if len(pending) == 0 {
				break
			}
			for _, b := range pending {
				s.Sent(len(b))
			}
		}
	}
	s.Measure(began, ended)
}

var _ = Describe("A meter", func() {
	set := func(key, value string) wire.Request {
		return wire.Request{Command: wire.Set, Key: []byte(key), Value: []byte(value)}
	}
	get := func(key string) wire.Request {
		return wire.Request{Command: wire.Get, Key: []byte(key)}
	}
	metered := func(m *session.Meter) *session.Session {
		return session.New(memory{}, session.Limits{Meter: m, MaxValueSize: 1000})
	}

	It("counts requests by command and status, over all sessions", func() {
		m := session.NewMeter(false)
		for range 20 {
			pass(metered(m), frames(set("a", "1"), set("b", "2"), get("a"), get("c"), get("d"), get("b")), 1, 2)
		}
		Expect(m.Stats(2).Requests).To(ConsistOf(
			session.RequestCount{Command: "SET", Status: "ok", Count: 40},
			session.RequestCount{Command: "GET", Status: "ok", Count: 40},
			session.RequestCount{Command: "GET", Status: "not_found", Count: 40},
		))
	})

	It("counts what was refused without being executed", func() {
		m := session.NewMeter(false)
		pass(metered(m), frames(
			set("", "no key"),
			set("large", string(make([]byte, 1001))),
			wire.Request{Command: 77, Key: []byte("k")},
		), 1, 2)
		Expect(m.Stats(2).Requests).To(ConsistOf(
			session.RequestCount{Command: "SET", Status: "error", Count: 2},
			session.RequestCount{Command: "unknown", Status: "error", Count: 1},
		))
	})

	It("says how long a batch of one command took, and of several", func() {
		m := session.NewMeter(false)
		s := metered(m)
		pass(s, frames(get("a")), 1000, 1000+1023)
		pass(s, frames(get("a"), get("a")), 1000, 1000+1024)
		pass(s, frames(get("a"), set("a", "1")), 1000, 1000+int64(time.Hour))
		bounds := session.LatencyBounds()
		Expect(bounds[:2]).To(Equal([]time.Duration{1024, 2048}))
		batches := m.Stats(5000).Batches
		Expect(batches).To(HaveLen(2))
		Expect(batches[0].Command).To(Equal("mixed"))
		Expect(batches[0].Counts).To(HaveLen(len(bounds) + 1))
		Expect(batches[0].Counts[len(bounds)]).To(BeEquivalentTo(1), "longer than every bound")
		Expect(batches[1].Command).To(Equal("GET"))
		Expect(batches[1].Counts[:2]).To(Equal([]uint64{1, 1}))
		Expect(batches[1].Sum).To(Equal(2047 * time.Nanosecond))
	})

	It("remembers the slowest and the largest of the last minute", func() {
		m := session.NewMeter(false)
		s := metered(m)
		for i := range 100 {
			began := int64(1 + i*1000)
			pass(s, frames(set("k", string(make([]byte, 100-i)))), began, began+int64(i+1))
		}
		st := m.Stats(200_000)
		Expect(st.Slowest).To(HaveLen(16))
		Expect(st.Slowest[0].Took).To(Equal(100 * time.Nanosecond))
		Expect(st.Slowest[15].Took).To(Equal(85 * time.Nanosecond))
		Expect(st.Slowest[0].Ago).To(Equal(time.Duration(200_000 - 99_001 - 100)))
		Expect(st.Largest).To(HaveLen(16))
		Expect(st.Largest[0].Largest).To(BeEquivalentTo(17 + 1 + 100 + 7))
		Expect(st.Largest[0].Command).To(Equal("SET"))
		Expect(m.Stats(200_000 + int64(3*time.Minute)).Slowest).To(BeEmpty())
	})

	It("keeps a batch for a minute even if faster ones follow in the next window", func() {
		m := session.NewMeter(false)
		s := metered(m)
		minute := int64(time.Minute)
		pass(s, frames(get("k")), minute, minute+5000)
		pass(s, frames(get("k")), 2*minute+6000, 2*minute+6001)
		Expect(m.Stats(2*minute + 7000).Slowest).To(HaveLen(2))
	})

	It("tells keys only if it was told to", func() {
		long := string(bytes.Repeat([]byte("k"), 100))
		for keys, want := range map[bool]string{false: "", true: long[:64]} {
			m := session.NewMeter(keys)
			pass(metered(m), frames(get("a"), set(long, "the largest"), get("b")), 1, 2)
			st := m.Stats(3)
			Expect(st.Slowest[0].Key).To(Equal(want))
			Expect(st.Largest[0].Key).To(Equal(want))
			Expect(st.Largest[0].Requests).To(BeEquivalentTo(3))
		}
	})
})

// What counting costs a batch: compare metered with bare in one run.
func BenchmarkMeter(b *testing.B) {
	for _, depth := range []int{1, 16} {
		var requests []wire.Request
		for i := range depth {
			c := wire.Get
			if i%10 == 9 {
				c = wire.Ping
			}
			requests = append(requests, wire.Request{Command: c, Key: []byte("key")})
		}
		input := frames(requests...)
		for name, m := range map[string]*session.Meter{"bare": nil, "metered": session.NewMeter(false)} {
			b.Run(name+"/depth="+string('0'+rune(depth/10))+string('0'+rune(depth%10)), func(b *testing.B) {
				s := session.New(memory{"key": "value"}, session.Limits{Meter: m})
				for i := range 100 {
					pass(s, input, 1, 1000-int64(i))
				}
				b.ReportAllocs()
				for b.Loop() {
					pass(s, input, 1, 500)
				}
			})
		}
	}
}
