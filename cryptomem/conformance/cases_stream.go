package conformance

import (
	"fmt"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// minute is a TTL that no case lives to see the end of, and that removes what a run
// which was cut off has left.
const minute = time.Minute

// streamCases are about requests and answers as such.
var streamCases = []serverCase{
	{"stream/answers-in-order", "The server answers each request once, in the order of the requests.", func(t *trial) {
		p := t.connect()
		for i := range 300 {
			p.queue(wire.Set, fmt.Sprint(i), fmt.Sprint("value ", i), minute)
			p.queue(wire.Get, fmt.Sprint(i), "", 0)
			p.queue(wire.Ping, "", fmt.Sprint("ping ", i), 0)
		}
		p.flush()
		for i := range 300 {
			p.next().is(wire.OK)
			p.next().holds(fmt.Sprint("value ", i))
			p.next().holds(fmt.Sprint("ping ", i))
		}
	}},
	{"stream/refusals-in-order", "The server answers each request once, in the order of the requests.", func(t *trial) {
		p := t.connect()
		for i := range 50 {
			p.queue(wire.Ping, "", fmt.Sprint(i), 0)
			p.queueRaw(wire.Request{Command: wire.Get})
			p.queueRaw(wire.Request{Command: 255, Key: []byte("k"), Value: []byte(long(i))})
			p.queue(wire.Get, "none", "", 0)
		}
		p.flush()
		for i := range 50 {
			p.next().holds(fmt.Sprint(i))
			p.next().is(wire.Error)
			p.next().is(wire.Error)
			p.next().is(wire.NotFound)
		}
	}},
	{"stream/large-among-small", "The server answers each request once, in the order of the requests.", func(t *trial) {
		p := t.connect()
		size := t.server.MaxValueSize / 2
		for _, n := range []int{size, 1, size / 3, 0, size} {
			p.queue(wire.Set, "k", long(n), minute)
			p.queue(wire.Get, "k", "", 0)
			p.queue(wire.Ping, "", "small", 0)
			p.flush()
			p.next().is(wire.OK)
			p.next().holds(long(n))
			p.next().holds("small")
		}
	}},
	{"stream/many-before-reading", "A client may send further requests before it has an answer (pipelining), as many as it likes.", func(t *trial) {
		p := t.connect()
		const many = 10_000
		for range many {
			p.queue(wire.Ping, "", "x", 0)
		}
		p.flush()
		for range many {
			if p.next().holds("x"); t.err != nil {
				return
			}
		}
	}},
	{"stream/byte-by-byte", "A request takes effect only when it has arrived completely.", func(t *trial) {
		p := t.connect()
		p.queue(wire.Set, "k", "value", minute)
		p.queue(wire.Get, "k", "", 0)
		for n := 1; len(p.out) > 0 && t.err == nil; n++ {
			p.flushAllBut(len(p.out) - 1)
			if n == 1 || n == 5 || n == wire.RequestHeaderSize || n == wire.RequestHeaderSize+1 {
				p.silent("a request has not arrived whole")
			}
		}
		p.next().is(wire.OK)
		p.next().holds("value")
	}},
	{"stream/cut-anywhere", "A request takes effect only when it has arrived completely.", func(t *trial) {
		p := t.connect()
		for cut := 1; t.err == nil; cut++ {
			p.queue(wire.Set, "k", "value", minute)
			if cut >= len(p.out) {
				p.flush()
				p.next().is(wire.OK)
				return
			}
			p.flushAllBut(cut)
			t.wait(time.Millisecond) // or both pieces arrive as one
			p.flush()
			p.next().is(wire.OK)
			p.ask(wire.Get, "k", "", 0).holds("value")
		}
	}},
	{"stream/half-a-request-does-nothing", "A request takes effect only when it has arrived completely.", func(t *trial) {
		p, other := t.connect(), t.connect()
		p.ask(wire.Set, "k", "old", minute).is(wire.OK)
		p.queue(wire.Set, "k", "new", minute)
		p.flushAllBut(1)
		p.silent("a request has not arrived whole")
		other.ask(wire.Get, "k", "", 0).holds("old")
		p.flush()
		p.next().is(wire.OK)
		other.ask(wire.Get, "k", "", 0).holds("new")
	}},
	{"stream/half-a-header", "A request takes effect only when it has arrived completely.", func(t *trial) {
		p := t.connect()
		p.queue(wire.Ping, "", "hello", 0)
		p.flushAllBut(len(p.out) - 1)
		p.silent("one byte of a header has arrived")
		p.flush()
		p.next().holds("hello")
	}},
	{"stream/end-inside-a-request", "If the stream ends inside a request, that request is dropped; earlier ones have been executed.", func(t *trial) {
		p := t.connect()
		p.queue(wire.Set, "k", "old", minute)
		p.queue(wire.Set, "k", "new", minute)
		p.flushAllBut(1)
		if !p.endWriting() {
			t.skip("this kind of connection has no half-close")
		}
		p.next().is(wire.OK)
		p.ends(t.server.Timeout)
		t.connect().ask(wire.Get, "k", "", 0).holds("old")
	}},
	{"stream/half-close", "A client may close its sending side (half-close) and still read all answers. Then the server closes the connection.", func(t *trial) {
		p := t.connect()
		value := long(t.server.MaxValueSize)
		p.queue(wire.Set, "k", value, minute)
		for range 8 {
			p.queue(wire.Get, "k", "", 0)
		}
		p.flush()
		if !p.endWriting() {
			t.skip("this kind of connection has no half-close")
		}
		p.next().is(wire.OK)
		for range 8 {
			p.next().holds(value)
		}
		p.ends(t.server.Timeout)
	}},
	{"stream/bytes-of-any-kind", "Keys and values may contain any bytes. The server does not interpret values: clients seal them before they send them.", func(t *trial) {
		p := t.connect()
		var all strings.Builder
		for b := range 256 {
			all.WriteByte(byte(b))
		}
		p.ask(wire.Set, all.String(), "\r\n\x00CM"+all.String(), minute).is(wire.OK)
		p.ask(wire.Get, all.String(), "", 0).holds("\r\n\x00CM" + all.String())
		p.ask(wire.Get, all.String()+"\x00", "", 0).is(wire.NotFound)
		p.ask(wire.Get, all.String()[:255], "", 0).is(wire.NotFound)
	}},
}
