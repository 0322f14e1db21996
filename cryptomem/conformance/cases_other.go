package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// otherCases are about what is not about one item: STATS, FLUSH and SCAN.
var otherCases = []serverCase{
	{"stats/sections", "With an empty key its members are the sections; with the name of a section it is that section alone.", func(t *trial) {
		p := t.connect()
		var all map[string]json.RawMessage
		p.stats("", &all)
		for _, section := range []string{"cache", "server"} {
			var whole, alone map[string]json.RawMessage
			if t.err == nil && json.Unmarshal(all[section], &whole) != nil {
				t.fail("STATS has no object as member %q", section)
			}
			p.stats(section, &alone)
			for member := range alone {
				if _, ok := whole[member]; !ok {
					t.fail("STATS of %q has a member %q, which the whole does not show there", section, member)
				}
			}
		}
	}},
	{"flush/prefix", "FLUSH removes all items, or those whose keys begin with the given key.", func(t *trial) {
		p := t.connect()
		for _, key := range []string{"a1", "a2", "a", "b"} {
			p.ask(wire.Set, key, "value", minute).is(wire.OK)
		}
		p.flushed("a", 3)
		for _, key := range []string{"a1", "a2", "a"} {
			p.ask(wire.Get, key, "", 0).is(wire.NotFound)
		}
		p.ask(wire.Get, "b", "", 0).holds("value")
		p.flushed("a", 0)
	}},
	{"flush/all", "FLUSH removes all items, or those whose keys begin with the given key.", func(t *trial) {
		if !t.server.Alone {
			t.skip("it would empty the server, which --alone allows")
		}
		p := t.connect()
		p.queueRaw(wire.Request{Command: wire.Flush})
		p.flush()
		p.enabled(p.next())
		for i := range 5 {
			p.ask(wire.Set, fmt.Sprint(i), "value", minute).is(wire.OK)
		}
		p.flushed("", 5)
		for i := range 5 {
			p.ask(wire.Get, fmt.Sprint(i), "", 0).is(wire.NotFound)
		}
	}},
	{"scan/names-every-item", "Every item that is there from the first call to the last is listed at least once; others may be, and some twice.", func(t *trial) {
		p := t.connect()
		for i := range 200 {
			p.ask(wire.Set, fmt.Sprint("n", i), "value", minute).is(wire.OK)
		}
		found := p.scan("n", 7, func() {})
		for i := range 200 {
			if name := fmt.Sprint("n", i); !found[name] {
				t.fail("SCAN never names %q", name)
			}
		}
	}},
	{"scan/while-items-come-and-go", "The work of a call is bounded, even if the store is large and few names match. A cursor stays valid while items come, go and move.", func(t *trial) {
		p, other := t.connect(), t.connect()
		const stay, steps = 100, 1000 // a scan that new items come before would go on for ever
		for i := range stay {
			p.ask(wire.Set, fmt.Sprint("stays", i), "value", minute).is(wire.OK)
			p.ask(wire.Set, fmt.Sprint("goes", i), "value", minute).is(wire.OK)
		}
		step := 0
		found := p.scan("", 5, func() {
			for range min(20, steps-step) {
				other.ask(wire.Set, fmt.Sprint("then comes", step), long(100), minute).is(wire.OK)
				other.ask(wire.Delete, fmt.Sprint("goes", step), "", 0)
				other.ask(wire.Set, fmt.Sprint("stays", step%stay), long(step), minute).is(wire.OK)
				step++
			}
		})
		for i := range stay {
			if name := fmt.Sprint("stays", i); !found[name] {
				t.fail("SCAN never names %q, which was there all the time", name)
			}
		}
	}},
	{"scan/only-the-prefix", "SCAN lists names, or those that begin with the given key, a few at a time.", func(t *trial) {
		p := t.connect()
		for _, key := range []string{"a", "ab", "b", "ba"} {
			p.ask(wire.Set, key, "value", minute).is(wire.OK)
		}
		for name := range p.scan("a", 0, func() {}) {
			if !strings.HasPrefix(name, "a") {
				t.fail("SCAN of those that begin with %q names %q", "a", name)
			}
		}
		if found := p.scan("none", 0, func() {}); len(found) > 0 {
			t.fail("SCAN names %d items where none has the prefix", len(found))
		}
	}},
	{"scan/no-expired-item", "Expired items are not listed.", func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "lives", "value", minute).is(wire.OK)
		p.ask(wire.Set, "expired", "value", 1).is(wire.OK)
		p.ask(wire.Set, "deleted", "value", minute).is(wire.OK)
		p.ask(wire.Delete, "deleted", "", 0).is(wire.OK)
		found := p.scan("", 0, func() {})
		if !found["lives"] || found["expired"] || found["deleted"] {
			t.fail("SCAN names %d items, of one that lives, one that has expired and one that was deleted", len(found))
		}
	}},
	{"scan/malformed", "cursor (8) + at most how many names (4)", func(t *trial) {
		p := t.connect()
		p.scan("", 0, func() {}) // or there is no SCAN
		for _, size := range []int{0, 8, 11, 13} {
			p.ask(wire.Scan, "k", long(size), 0).is(wire.Error)
		}
		p.ask(wire.Ping, "", "in step", 0).holds("in step")
	}},
}

// stats asks for a section and reads it.
func (p *peer) stats(section string, into *map[string]json.RawMessage) {
	p.queueRaw(wire.Request{Command: wire.Stats, Key: []byte(section)})
	p.flush()
	a := p.next()
	if a.Status == wire.Denied {
		p.trial.skip("the identity may not ask for statistics")
	}
	if a.is(wire.OK); p.trial.err == nil && json.Unmarshal(a.Value, into) != nil {
		p.trial.fail("STATS is answered with %s, which is no JSON object", shown(a.Value))
	}
}

// flushed removes what begins with a prefix, and demands how much that was.
func (p *peer) flushed(prefix string, want uint64) {
	a := p.ask(wire.Flush, prefix, "", 0)
	if prefix == "" {
		a = p.enabled(a)
	}
	if n, err := wire.ParseNumber(p.enabled(a).Value); p.trial.err == nil && (err != nil || n != want) {
		p.trial.fail("FLUSH removes %d items, not %d", n, want)
	}
}

// enabled skips the trial if a server does not do what it was asked for at all.
func (p *peer) enabled(a answer) answer {
	if a.Status == wire.Error || a.Status == wire.Denied {
		p.trial.skip("%s is not enabled: %s", a.command, first(a.Value))
	}
	return a.is(wire.OK)
}

// scan returns the names that begin with a prefix, without the trial's own, having
// asked for so many at a time, and called between before each time but the first.
func (p *peer) scan(prefix string, most uint32, between func()) map[string]bool {
	t := p.trial
	found := make(map[string]bool)
	key := t.prefix + prefix
	for cursor, calls := uint64(0), 0; t.err == nil; calls++ {
		if calls == 1_000_000 {
			t.fail("SCAN has not come to an end after %d calls", calls)
		}
		p.queueRaw(wire.Request{Command: wire.Scan, Key: []byte(key), Value: wire.AppendScan(nil, cursor, most)})
		p.flush()
		a := p.enabled(p.next())
		if t.err != nil {
			return nil
		}
		next, names, err := wire.CutNumber(a.Value)
		if err == nil {
			err = t.addNames(found, names, prefix)
		}
		if err != nil {
			t.fail("%w", err)
		}
		if cursor = next; cursor == 0 {
			break
		}
		between()
	}
	return found
}

// addNames adds the names of an answer to SCAN to those found, without the trial's
// prefix.
func (t *trial) addNames(found map[string]bool, names []byte, prefix string) error {
	for len(names) > 0 {
		name, more, err := wire.CutName(names)
		if err != nil {
			return err
		}
		names = more
		rest, ok := strings.CutPrefix(string(name), t.prefix)
		if !ok || !strings.HasPrefix(rest, prefix) {
			t.fail("SCAN of what begins with %q names %s", t.prefix+prefix, shown(name))
		}
		found[rest] = true
	}
	return nil
}

// keyCases are about what keys and values may be.
var keyCases = []serverCase{
	{"keys/empty", "A key has 1 to 65,535 bytes.", func(t *trial) {
		p := t.connect()
		for _, c := range needKey {
			p.queueRaw(wire.Request{Command: c, Value: make([]byte, least(c))})
			p.queue(wire.Ping, "", "in step", 0)
			p.flush()
			p.next().is(wire.Error)
			p.next().holds("in step")
		}
	}},
	{"keys/shortest-and-longest", "A key has 1 to 65,535 bytes.", func(t *trial) {
		p := t.connect()
		key := long(wire.MaxKeySize - len(t.prefix))
		for _, key := range []string{"k", key, key[:len(key)-1]} {
			p.ask(wire.Set, key, "of "+fmt.Sprint(len(key)), minute).is(wire.OK)
		}
		for _, key := range []string{"k", key, key[:len(key)-1]} {
			p.ask(wire.Get, key, "", 0).holds("of " + fmt.Sprint(len(key)))
			p.ask(wire.Delete, key, "", 0).is(wire.OK)
		}
	}},
	{"values/empty", "A value may be empty.", func(t *trial) {
		p := t.connect()
		for _, c := range []wire.Command{wire.Set, wire.Add, wire.Replace} {
			if c == wire.Add {
				p.ask(wire.Delete, "k", "", 0).is(wire.OK)
			}
			p.ask(c, "k", "", minute).is(wire.OK)
			p.ask(wire.Get, "k", "", 0).holds("")
		}
	}},
	{"values/longest", "A value may be as long as the server's configuration allows, by default 1 MiB.", func(t *trial) {
		p := t.connect()
		value := long(t.server.MaxValueSize)
		for _, c := range []wire.Command{wire.Set, wire.Replace} {
			p.ask(c, "k", value, minute).is(wire.OK)
			p.ask(wire.Get, "k", "", 0).holds(value)
		}
		p.ask(wire.Add, "other", value, minute).is(wire.OK)
		p.ask(wire.Ping, "", value, 0).holds(value)
	}},
	{"values/too-long", "The limit applies to what is stored, echoed (PING) and sent with AUTH.", func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "old", minute).is(wire.OK)
		before := p.item("k")
		value := long(t.server.MaxValueSize + 1)
		for _, c := range []wire.Command{wire.Set, wire.Add, wire.Replace, wire.Ping} {
			p.queue(c, "k", value, minute)
			p.queue(wire.Ping, "", "in step", 0)
			p.flush()
			p.next().is(wire.Error)
			p.next().holds("in step")
			p.item("k").sameAs(before)
		}
		p.swap("k", before.version, value, minute).is(wire.Error)
		p.item("k").sameAs(before)
		p.ask(wire.Add, "fresh", value, minute).is(wire.Error)
		p.ask(wire.Get, "fresh", "", 0).is(wire.NotFound)
	}},
}

// needKey are the commands that an empty key makes no sense to.
var needKey = slices.DeleteFunc(wire.Commands(), func(c wire.Command) bool { return c.Has(wire.OmitsKey) })

// least is how many bytes a command's value has at least.
func least(c wire.Command) int {
	if c.Has(wire.TakesVersion) {
		return wire.VersionSize
	}
	return 0
}
