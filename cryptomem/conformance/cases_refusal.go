package conformance

import (
	"math"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

const (
	dropped   = "It then reads the request's bytes and drops them, and answers error once all of them have arrived."
	untouched = "Stored items are unchanged, the connection stays usable, and the next request is executed as usual."
)

// refusalCases are about requests that are answered with an error, and leave the
// connection in step.
var refusalCases = []serverCase{
	{"refused/unknown-command", "A server that does not know a command answers error and the connection stays usable, so a client can use PING to find out whether they are supported.", func(t *trial) {
		p := t.connect()
		for _, c := range []wire.Command{0, 200, 255} {
			for _, size := range []int{0, 1, 100_000} {
				p.queue(c, "k", long(size), -1)
				p.queue(wire.Ping, "", "in step", 0)
				p.flush()
				p.next().is(wire.Error)
				p.next().holds("in step")
			}
		}
	}},
	{"refused/value-where-none-belongs", untouched, func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "old", minute).is(wire.OK)
		before := p.item("k")
		for _, c := range []wire.Command{wire.Get, wire.Delete, wire.Touch, wire.GetV, wire.GetDel, wire.Stats, wire.Flush} {
			for _, size := range []int{1, 100_000} {
				p.queue(c, "k", long(size), 2*minute)
				p.queue(wire.Ping, "", "in step", 0)
				p.flush()
				p.next().is(wire.Error)
				p.next().holds("in step")
				p.item("k").sameAs(before)
			}
		}
	}},
	{"refused/cas-without-a-version", untouched, func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "old", minute).is(wire.OK)
		before := p.item("k")
		for size := range wire.VersionSize {
			p.ask(wire.CAS, "k", long(size), minute).is(wire.Error)
			p.item("k").sameAs(before)
		}
	}},
	{"refused/once-all-has-arrived", dropped, func(t *trial) {
		p := t.connect()
		p.queue(wire.Set, "k", long(t.server.MaxValueSize+1), minute)
		p.queue(wire.Ping, "", "in step", 0)
		p.flushAllBut(len(p.out) - wire.RequestHeaderSize)
		p.silent("only the header of a refused request has arrived")
		p.flushAllBut(wire.RequestHeaderSize + len("in step") + 1)
		p.silent("a byte of a refused request is missing")
		p.flush()
		p.next().is(wire.Error)
		p.next().holds("in step")
	}},
	{"refused/far-too-long", dropped, func(t *trial) {
		p := t.connect()
		p.queue(wire.Set, "k", long(4*t.server.MaxValueSize+3), minute)
		p.queue(wire.Get, "k", "", 0)
		p.queue(wire.Ping, "", "in step", 0)
		p.flush()
		p.next().is(wire.Error)
		p.next().is(wire.NotFound)
		p.next().holds("in step")
	}},
	{"refused/what-looks-like-requests", dropped, func(t *trial) {
		p, inner := t.connect(), &peer{trial: t}
		for range t.server.MaxValueSize / 40 {
			inner.queue(wire.Set, "k", "smuggled", minute)
		}
		for len(inner.out) <= t.server.MaxValueSize {
			inner.queue(wire.Set, "k", "smuggled", minute)
		}
		p.queue(wire.Set, "k", string(inner.out), minute)
		p.queue(wire.Get, "k", "", 0)
		p.flush()
		p.next().is(wire.Error)
		p.next().is(wire.NotFound)
	}},
	{"refused/declared-and-never-sent", "A length that is only announced costs the server nothing.", func(t *trial) {
		header := func(c wire.Command) []byte {
			// it is short
			b, _ := wire.AppendRequest(nil, &wire.Request{Command: c, Key: []byte("k")})
			b[5], b[6], b[7], b[8] = 0xff, 0xff, 0xff, 0xff
			return b
		}
		var all []*peer
		for range 16 {
			for _, c := range []wire.Command{wire.Set, wire.Ping, wire.CAS} {
				p := t.connect()
				p.write(header(c))
				all = append(all, p)
			}
		}
		other := t.connect()
		for range 10 {
			other.ask(wire.Set, "k", "value", minute).is(wire.OK)
			other.ask(wire.Get, "k", "", 0).holds("value")
		}
		all[0].silent("4 GiB are declared and not sent")
	}},
	{"refused/any-reason-at-once", untouched, func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "old", minute).is(wire.OK)
		before := p.item("k")
		p.queueRaw(wire.Request{Command: wire.Set, Value: []byte(long(t.server.MaxValueSize + 1)), TTL: math.MinInt64})
		p.queueRaw(wire.Request{Command: 77, TTL: -1})
		p.queueRaw(wire.Request{Command: wire.Touch, Value: []byte("value"), TTL: -1})
		p.queue(wire.Ping, "", "in step", 0)
		p.flush()
		for range 3 {
			p.next().is(wire.Error)
		}
		p.next().holds("in step")
		p.item("k").sameAs(before)
	}},
}

const lost = "As soon as the first byte is not 43 or the second is not 4D, the server answers error once, sends nothing more and closes the connection."

// magicCases are about bytes that no request begins with.
var magicCases = []serverCase{
	{"magic/first-byte", lost, func(t *trial) { t.losesFrames(t.connect(), "D") }},
	{"magic/second-byte", lost, func(t *trial) { t.losesFrames(t.connect(), "CN") }},
	{"magic/zeros", lost, func(t *trial) { t.losesFrames(t.connect(), "\x00") }},
	{"magic/http", "So an HTTP client or a port scanner gets an answer at once.", func(t *trial) {
		t.losesFrames(t.connect(), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}},
	{"magic/behind-requests", lost, func(t *trial) {
		p := t.connect()
		p.queue(wire.Set, "k", "before", minute)
		p.queue(wire.Get, "k", "", 0)
		p.flushAllBut(0)
		p.queue(wire.Set, "k", "behind", minute)
		behind := p.out
		p.out, p.waiting = nil, p.waiting[:2]
		p.write(append([]byte("CX"), behind...))
		p.next().is(wire.OK)
		p.next().holds("before")
		t.losesFrames(p, "")
		t.connect().ask(wire.Get, "k", "", 0).holds("before")
	}},
	{"magic/closes-one-connection", lost, func(t *trial) {
		other := t.connect()
		other.ask(wire.Ping, "", "hello", 0).holds("hello")
		t.losesFrames(t.connect(), "x")
		other.ask(wire.Ping, "", "still here", 0).holds("still here")
	}},
}

// losesFrames sends what no request begins with, and demands one error and the end.
func (t *trial) losesFrames(p *peer, b string) {
	p.write([]byte(b))
	answer{p.receive("bytes that no request begins with", t.server.Timeout), t, wire.Get}.is(wire.Error)
	p.ends(t.server.Timeout)
}
