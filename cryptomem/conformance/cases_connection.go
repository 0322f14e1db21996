package conformance

import (
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Zezezknight/cryptomem/testdata"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

const deadlines = "A request must arrive completely within 30 s of its first byte; a client must read its answers within 30 s; the next request must begin within 10 min."

// mostUnread is how much may be on its way of requests whose answers are not read, in
// bytes. Systems keep a few megabytes of it.
const mostUnread = 64 << 20

// connectionCases are about more than one connection, and about time.
var connectionCases = []serverCase{
	{"connections/many", "A client opens a connection (TCP, TLS or a Unix socket) and sends requests.", func(t *trial) {
		var all []*peer
		for range 50 {
			all = append(all, t.connect())
		}
		for round := range 5 {
			for _, p := range all {
				p.queue(wire.Ping, "", long(round), 0)
				p.flush()
			}
			for _, p := range all {
				p.next().holds(long(round))
			}
		}
	}},
	{"connections/stops-reading", "If a client does not read its answers, the server stops reading from it after a bounded number of bytes.", func(t *trial) {
		p := t.connect()
		p.over = true
		ping, err := wire.AppendRequest(nil, &wire.Request{Command: wire.Ping, Value: []byte(long(t.server.MaxValueSize))})
		if err != nil {
			t.fail("%w", err)
		}
		if t.err != nil {
			return
		}
		var sent atomic.Int64
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for rest := ping; ; {
				if len(rest) == 0 {
					rest = ping
				}
				n, err := p.conn.Write(rest[:min(len(rest), 16<<10)])
				if rest = rest[n:]; err != nil { // the server reads no longer
					return
				}
				sent.Add(int64(n))
			}
		}()
		// Ten short waits, so that a server that is only slow has its turn between them.
		for before, idle := int64(0), 0; t.err == nil && idle < 10; {
			t.wait(quiet)
			idle++
			now := sent.Load()
			if now > before {
				before, idle = now, 0
			}
			if now > mostUnread {
				t.fail("the server has read %d bytes of a client that reads no answer", now)
			}
		}
		p.close()
		<-ended
	}},
	{"connections/slow-reader", "Other clients do not notice.", func(t *trial) {
		slow, other := t.connect(), t.connect()
		value := long(t.server.MaxValueSize)
		slow.ask(wire.Set, "k", value, minute).is(wire.OK)
		const unread = 32
		for range unread {
			slow.queue(wire.Get, "k", "", 0)
		}
		slow.flush()
		slow.begins()
		// until its answers fill what the sockets hold
		t.wait(300 * time.Millisecond)
		for range 100 {
			other.ask(wire.Ping, "", "quick", 0).holds("quick")
		}
		for range unread {
			slow.next().holds(value)
		}
	}},
	{"connections/slow-sender", "Other clients do not notice.", func(t *trial) {
		slow, other := t.connect(), t.connect()
		slow.queue(wire.Set, "k", long(100_000), minute)
		slow.flushAllBut(50_000)
		for range 100 {
			other.ask(wire.Ping, "", "quick", 0).holds("quick")
		}
		slow.flush()
		slow.next().is(wire.OK)
	}},
	{"connections/frame-timeout", "A request that misses its deadline is answered with error.", func(t *trial) {
		if t.server.FrameTimeout == 0 {
			t.skip("the server's frame timeout is not said by --frame-timeout")
		}
		p := t.connect()
		p.queue(wire.Set, "k", "value", minute)
		p.flushAllBut(1)
		p.waiting = nil
		answer{p.receive("an unfinished request", t.server.FrameTimeout+t.server.Grace), t, wire.Set}.is(wire.Error)
		p.ends(t.server.Timeout)
		t.connect().ask(wire.Get, "k", "", 0).is(wire.NotFound)
	}},
	{"connections/write-timeout", deadlines, func(t *trial) {
		if t.server.WriteTimeout == 0 {
			t.skip("the server's write timeout is not said by --write-timeout")
		}
		p := t.connect()
		value := long(t.server.MaxValueSize)
		p.ask(wire.Set, "k", value, minute).is(wire.OK)
		const unread = 64
		for range unread {
			p.queue(wire.Get, "k", "", 0)
		}
		p.flush()
		t.wait(t.server.WriteTimeout + t.server.Grace)
		p.over = true
		for read := 0; t.err == nil; read++ {
			_ = p.conn.SetReadDeadline(t.now().Add(t.server.Timeout)) // or reading tells
			switch _, err := io.CopyN(io.Discard, p.in, int64(wire.ResponseHeaderSize+len(value))); {
			case isEnd(err):
				return
			case err != nil:
				t.fail("the connection of a client that has read no answer: %s", reason(err))
			case read == unread-1:
				t.fail("a client that has read no answer for %v gets all of them", t.server.WriteTimeout+t.server.Grace)
			}
		}
	}},
	{"connections/idle-timeout", deadlines, func(t *trial) {
		if t.server.IdleTimeout == 0 {
			t.skip("the server's idle timeout is not said by --idle-timeout")
		}
		p := t.connect()
		p.ask(wire.Ping, "", "hello", 0).holds("hello")
		p.ends(t.server.IdleTimeout + t.server.Grace)
	}},
	{"connections/too-many", "If too many connections are open, in all or from one address, the server answers the first request of a new one with busy (or error, see above) and closes it.", func(t *trial) {
		if t.server.MaxConnections == 0 {
			t.skip("the server's limit of connections is not said by --max-connections")
		}
		for range t.server.MaxConnections {
			p := t.connectStranger()
			p.queue(wire.Ping, "", "hello", 0)
			p.flush()
			if p.receive("PING", t.server.Timeout).Status == wire.Busy {
				break
			}
			p.waiting = nil
		}
		p := t.connectStranger()
		p.ask(wire.Ping, "", "hello", 0).is(wire.Busy)
		p.ends(t.server.Timeout)
		p = t.connectStranger()
		if a := p.ask(wire.Get, "k", "", 0).is(wire.Error); t.err == nil && !strings.HasPrefix(string(a.Value), "busy: ") {
			t.fail("GET is answered %s, whose message does not begin with %q", a.said(), "busy: ")
		}
		p.ends(t.server.Timeout)
	}},
}

// dialogueCases are the golden frames, for a server that may be emptied.
func dialogueCases() []serverCase {
	all, err := testdata.Dialogues()
	if err != nil {
		// they are part of the binary
		panic(err)
	}
	var cases []serverCase
	for _, d := range all {
		if len(d.Steps) == 0 || !d.Steps[0].Client {
			continue
		}
		cases = append(cases, serverCase{"frames/" + d.Name, strings.ReplaceAll(d.About, "\n", " "), func(t *trial) { t.replay(&d) }})
	}
	return cases
}
