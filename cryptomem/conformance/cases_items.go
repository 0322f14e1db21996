package conformance

import (
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// itemCases are about storing, reading and removing.
var itemCases = []serverCase{
	{"set/stores", "SET stores the value and replaces what was there, including its TTL.", func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "value", minute).is(wire.OK)
		p.ask(wire.Get, "k", "", 0).holds("value")
		t.connect().ask(wire.Get, "k", "", 0).holds("value")
	}},
	{"set/replaces-the-value", "SET stores the value and replaces what was there, including its TTL.", func(t *trial) {
		p := t.connect()
		for _, value := range []string{"one", "a longer one", "", long(1000), "3"} {
			p.ask(wire.Set, "k", value, minute).is(wire.OK)
			p.ask(wire.Get, "k", "", 0).holds(value)
		}
	}},
	{"set/one-key-of-many", "SET stores the value and replaces what was there, including its TTL.", func(t *trial) {
		p := t.connect()
		for _, key := range []string{"a", "b", "ab", "aa"} {
			p.ask(wire.Set, key, "of "+key, minute).is(wire.OK)
		}
		for _, key := range []string{"a", "b", "ab", "aa"} {
			p.ask(wire.Get, key, "", 0).holds("of " + key)
		}
	}},
	{"get/nothing", "no unexpired item has that key", func(t *trial) {
		t.connect().ask(wire.Get, "k", "", 0).is(wire.NotFound)
	}},
	{"delete/removes", "OK if an item was removed, or not found", func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "value", minute).is(wire.OK)
		p.ask(wire.Set, "other", "value", minute).is(wire.OK)
		p.ask(wire.Delete, "k", "", 0).is(wire.OK)
		p.ask(wire.Get, "k", "", 0).is(wire.NotFound)
		p.ask(wire.Get, "other", "", 0).holds("value")
	}},
	{"delete/nothing", "OK if an item was removed, or not found", func(t *trial) {
		p := t.connect()
		p.ask(wire.Delete, "k", "", 0).is(wire.NotFound)
		p.ask(wire.Set, "k", "value", minute).is(wire.OK)
		p.ask(wire.Delete, "k", "", 0).is(wire.OK)
		p.ask(wire.Delete, "k", "", 0).is(wire.NotFound)
	}},
	{"ping/echoes", "OK + the same value", func(t *trial) {
		p := t.connect()
		for _, value := range []string{"", "hello", long(70_000)} {
			p.ask(wire.Ping, "", value, 0).holds(value)
		}
	}},
	{"ping/ignores-its-key", "ignored, may be empty", func(t *trial) {
		p := t.connect()
		p.ask(wire.Ping, "k", "hello", 0).holds("hello")
		p.ask(wire.Get, "k", "", 0).is(wire.NotFound)
	}},
	{"add/stores-where-nothing-is", "ADD stores only if no unexpired item is there.", func(t *trial) {
		p := t.connect()
		p.ask(wire.Add, "k", "value", minute).is(wire.OK)
		p.ask(wire.Get, "k", "", 0).holds("value")
		p.ask(wire.Delete, "k", "", 0).is(wire.OK)
		p.ask(wire.Add, "k", "again", minute).is(wire.OK)
		p.ask(wire.Get, "k", "", 0).holds("again")
	}},
	{"add/leaves-what-is-there", "ADD stores only if no unexpired item is there.", func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "old", 0).is(wire.OK)
		before := p.item("k")
		p.ask(wire.Add, "k", "new", minute).is(wire.Exists)
		p.item("k").sameAs(before)
	}},
	{"add/lets-one-of-many-win", "ADD stores only if no unexpired item is there.", func(t *trial) {
		t.race(wire.Add, wire.Exists)
	}},
	{"replace/stores-where-something-is", "REPLACE stores only if one is.", func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "old", minute).is(wire.OK)
		p.ask(wire.Replace, "k", "new", minute).is(wire.OK)
		p.ask(wire.Get, "k", "", 0).holds("new")
	}},
	{"replace/nothing", "REPLACE stores only if one is.", func(t *trial) {
		p := t.connect()
		p.ask(wire.Replace, "k", "new", minute).is(wire.NotFound)
		p.ask(wire.Get, "k", "", 0).is(wire.NotFound)
	}},
	{"touch/leaves-the-value", "TOUCH gives an item a new TTL and leaves its value.", func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "value", minute).is(wire.OK)
		p.ask(wire.Touch, "k", "", 10*minute).is(wire.OK)
		item := p.item("k")
		if item.value != "value" || item.left <= minute {
			t.fail("a value of %s, touched for 10 min, is %s and has %v left", shown([]byte("value")), shown([]byte(item.value)), item.left)
		}
	}},
	{"touch/nothing", "OK, or not found", func(t *trial) {
		p := t.connect()
		p.ask(wire.Touch, "k", "", minute).is(wire.NotFound)
		p.ask(wire.Get, "k", "", 0).is(wire.NotFound)
	}},
	{"getdel/takes", "GETDEL reads and removes in one step: of several clients that try, one gets the value.", func(t *trial) {
		p := t.connect()
		for _, value := range []string{"value", "", long(t.server.MaxValueSize)} {
			p.ask(wire.Set, "k", value, minute).is(wire.OK)
			p.ask(wire.GetDel, "k", "", 0).holds(value)
			p.ask(wire.Get, "k", "", 0).is(wire.NotFound)
			p.ask(wire.GetDel, "k", "", 0).is(wire.NotFound)
		}
	}},
	{"getdel/lets-one-of-many-win", "GETDEL reads and removes in one step: of several clients that try, one gets the value.", func(t *trial) {
		t.race(wire.GetDel, wire.NotFound)
	}},
}

// race has several connections send one command for one key at the same time, again
// and again. One of them is to be told OK, the others what a loser is told.
func (t *trial) race(c wire.Command, loser wire.Status) {
	const racers, rounds = 4, 50
	referee := t.connect()
	var all [racers]*peer
	for i := range all {
		all[i] = t.connect()
	}
	for round := range rounds {
		if c == wire.GetDel {
			referee.ask(wire.Set, "k", "value", minute).is(wire.OK)
		} else {
			referee.ask(wire.Delete, "k", "", 0)
		}
		for _, p := range all {
			value := ""
			if c.Has(wire.TakesValue) {
				value = "value"
			}
			p.queue(c, "k", value, minute)
		}
		for _, p := range all {
			p.flush()
		}
		won := 0
		for _, p := range all {
			switch a := p.next(); a.Status {
			case wire.OK:
				won++
			default:
				a.is(loser)
			}
		}
		if won != 1 {
			t.fail("of %d that sent %s at once, %d were told OK in round %d", racers, c, won, round)
			return
		}
	}
}
