package conformance

import (
	"time"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// item is what GETV answers.
type item struct {
	trial   *trial
	version uint64
	left    time.Duration
	value   string
}

// item asks for a key that is there.
func (p *peer) item(key string) item {
	a := p.ask(wire.GetV, key, "", 0).is(wire.OK)
	if p.trial.err != nil {
		return item{trial: p.trial}
	}
	version, left, value, err := wire.CutItem(a.Value)
	if err != nil {
		p.trial.fail("%w", err)
	}
	return item{p.trial, version, left, string(value)}
}

// sameAs demands that nothing has changed but the time that is left.
func (i item) sameAs(before item) {
	switch {
	case i.value != before.value:
		i.trial.fail("the value is %s, and was %s", shown([]byte(i.value)), shown([]byte(before.value)))
	case i.version != before.version:
		i.trial.fail("the version is %d, and was %d", i.version, before.version)
	case (i.left == 0) != (before.left == 0) || i.left > before.left:
		i.trial.fail("the TTL left is %v, and was %v", i.left, before.left)
	}
}

// after demands a version that has grown.
func (i item) after(before item, what string) {
	if i.version <= before.version {
		i.trial.fail("the version is %d after %s, and was %d", i.version, what, before.version)
	}
}

// swap is a CAS.
func (p *peer) swap(key string, version uint64, value string, ttl time.Duration) answer {
	return p.ask(wire.CAS, key, string(wire.AppendNumber(nil, version))+value, ttl)
}

// versionCases are about GETV and CAS.
var versionCases = []serverCase{
	{"getv/tells", "GETV answers with the item's version and its remaining time in nanoseconds, 0 if it does not expire.", func(t *trial) {
		p := t.connect()
		for _, value := range []string{"value", "", long(t.server.MaxValueSize)} {
			p.ask(wire.Set, "k", value, minute).is(wire.OK)
			i := p.item("k")
			if i.value != value || i.left <= 0 || i.left > minute {
				t.fail("GETV tells %s with %v left of what was stored as %s for a minute", shown([]byte(i.value)), i.left, shown([]byte(value)))
			}
		}
	}},
	{"getv/counts-down", "GETV answers with the item's version and its remaining time in nanoseconds, 0 if it does not expire.", func(t *trial) {
		p := t.connect()
		began := t.now()
		p.ask(wire.Set, "k", "value", minute).is(wire.OK)
		before := p.item("k")
		between := t.now()
		t.wait(20 * time.Millisecond)
		waited := t.now().Sub(between)
		after := p.item("k")
		after.sameAs(before)
		if passed, least := before.left-after.left, waited-margin; passed < least {
			t.fail("the TTL left fell by %v in %v", passed, waited)
		}
		if least := minute - t.now().Sub(began) - margin; after.left < least {
			t.fail("the TTL left is %v, and cannot be less than %v yet", after.left, least)
		}
	}},
	{"getv/nothing", "OK + version (8) + remaining TTL (8) + the value, or not found", func(t *trial) {
		t.connect().ask(wire.GetV, "k", "", 0).is(wire.NotFound)
	}},
	{"getv/reading-changes-nothing", "The version is an unsigned number that changes with every change of the item, including TOUCH.", func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "value", minute).is(wire.OK)
		before := p.item("k")
		p.ask(wire.Get, "k", "", 0).holds("value")
		p.item("k").sameAs(before)
	}},
	{"versions/grow-with-every-change", "The version is an unsigned number that changes with every change of the item, including TOUCH.", func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "value", minute).is(wire.OK)
		before := p.item("k")
		for _, change := range []struct {
			what string
			make func()
		}{
			{"SET", func() { p.ask(wire.Set, "k", "value", minute).is(wire.OK) }},
			{"SET of the same again", func() { p.ask(wire.Set, "k", "value", minute).is(wire.OK) }},
			{"REPLACE", func() { p.ask(wire.Replace, "k", "value", minute).is(wire.OK) }},
			{"TOUCH", func() { p.ask(wire.Touch, "k", "", minute).is(wire.OK) }},
			{"CAS", func() { p.swap("k", before.version, "value", minute).is(wire.OK) }},
		} {
			change.make()
			now := p.item("k")
			now.after(before, change.what)
			before = now
		}
	}},
	{"versions/grow-beyond-a-removal", "Within a server's life, the versions of a key only grow, which locks use as a fence. Versions of different keys say nothing about order.", func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "value", minute).is(wire.OK)
		before := p.item("k")
		for _, remove := range []wire.Command{wire.Delete, wire.GetDel} {
			p.ask(remove, "k", "", 0).is(wire.OK)
			p.ask(wire.Add, "k", "value", minute).is(wire.OK)
			now := p.item("k")
			now.after(before, remove.String()+" and ADD")
			before = now
		}
	}},
	{"cas/swaps", "CAS (compare and swap) stores only if the item still has the given version, and answers exists if it has another.", func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "old", minute).is(wire.OK)
		before := p.item("k")
		a := p.swap("k", before.version, "new", 2*minute)
		a.is(wire.OK)
		now := p.item("k")
		now.after(before, "CAS")
		if now.value != "new" || now.left <= minute {
			t.fail("after CAS the value is %s and has %v left", shown([]byte(now.value)), now.left)
		}
		if told, err := wire.ParseNumber(a.Value); t.err == nil && (err != nil || told != now.version) {
			t.fail("CAS tells version %d, GETV %d", told, now.version)
		}
		p.swap("k", now.version, "", minute).is(wire.OK)
		p.ask(wire.Get, "k", "", 0).holds("")
	}},
	{"cas/another-version", "CAS (compare and swap) stores only if the item still has the given version, and answers exists if it has another.", func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "older", minute).is(wire.OK)
		older := p.item("k")
		p.ask(wire.Set, "k", "old", minute).is(wire.OK)
		before := p.item("k")
		for _, version := range []uint64{older.version, before.version + 1, 0, before.version ^ 1<<63} {
			p.swap("k", version, "new", minute).is(wire.Exists)
			p.item("k").sameAs(before)
		}
	}},
	{"cas/nothing", "OK + new version (8), exists, or not found", func(t *trial) {
		p := t.connect()
		p.swap("k", 1, "new", minute).is(wire.NotFound)
		p.ask(wire.Set, "k", "old", minute).is(wire.OK)
		before := p.item("k")
		p.ask(wire.Delete, "k", "", 0).is(wire.OK)
		p.swap("k", before.version, "new", minute).is(wire.NotFound)
		p.ask(wire.Get, "k", "", 0).is(wire.NotFound)
	}},
	{"cas/lets-one-of-many-win", "CAS (compare and swap) stores only if the item still has the given version, and answers exists if it has another.", func(t *trial) {
		const racers, rounds = 4, 50
		referee := t.connect()
		var all [racers]*peer
		for i := range all {
			all[i] = t.connect()
		}
		for round := range rounds {
			referee.ask(wire.Set, "k", "old", minute).is(wire.OK)
			version := string(wire.AppendNumber(nil, referee.item("k").version))
			for _, p := range all {
				p.queue(wire.CAS, "k", version+"new", minute)
			}
			for _, p := range all {
				p.flush()
			}
			won := 0
			for _, p := range all {
				if a := p.next(); a.Status == wire.OK {
					won++
				} else {
					a.is(wire.Exists)
				}
			}
			if won != 1 {
				t.fail("of %d that swapped one version, %d were told OK in round %d", racers, won, round)
				return
			}
		}
	}},
	{"cas/longest-value", "The 8 bytes of the version do not count towards the limit on values.", func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "old", minute).is(wire.OK)
		value := long(t.server.MaxValueSize)
		p.swap("k", p.item("k").version, value, minute).is(wire.OK)
		p.ask(wire.Get, "k", "", 0).holds(value)
	}},
}
