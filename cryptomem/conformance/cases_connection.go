package conformance

import (
	"strings"

	"github.com/Zezezknight/cryptomem/testdata"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// connectionCases are about more than one connection, and about time.
var connectionCases = []serverCase{
	{"connections/many", "A client that does not read its answers is not read from either, after a bounded number of bytes.", func(t *trial) {
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
	{"connections/slow-reader", "It does not slow others down.", func(t *trial) {
		slow, other := t.connect(), t.connect()
		value := long(t.server.MaxValueSize)
		slow.ask(wire.Set, "k", value, minute).is(wire.OK)
		const unread = 32
		for range unread {
			slow.queue(wire.Get, "k", "", 0)
		}
		slow.flush()
		slow.begins()
		for range 100 {
			other.ask(wire.Ping, "", "quick", 0).holds("quick")
		}
		for range unread {
			slow.next().holds(value)
		}
	}},
	{"connections/slow-sender", "It does not slow others down.", func(t *trial) {
		slow, other := t.connect(), t.connect()
		slow.queue(wire.Set, "k", long(100_000), minute)
		slow.flushAllBut(50_000)
		for range 100 {
			other.ask(wire.Ping, "", "quick", 0).holds("quick")
		}
		slow.flush()
		slow.next().is(wire.OK)
	}},
	{"connections/frame-timeout", "The first is told to the client with an error as the answer of the unfinished request.", func(t *trial) {
		if t.server.FrameTimeout == 0 {
			t.skip("the server's frame timeout is not said")
		}
		p := t.connect()
		p.queue(wire.Set, "k", "value", minute)
		p.flushAllBut(1)
		p.waiting = nil
		answer{p.receive("an unfinished request", t.server.FrameTimeout+t.server.Grace), t, wire.Set}.is(wire.Error)
		p.ends(t.server.Timeout)
		t.connect().ask(wire.Get, "k", "", 0).is(wire.NotFound)
	}},
	{"connections/too-many", "Where the server has too many connections, in all or from one address, it answers the first request of a new one busy (or error, see above) and closes it.", func(t *trial) {
		if t.server.MaxConnections == 0 {
			t.skip("the server's limit of connections is not said")
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
