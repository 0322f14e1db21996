package conformance

import (
	"math"
	"time"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

const (
	// shortTTL is the TTL that cases wait for. Where answers take too long to judge it
	// by, it is doubled, up to longestWait.
	shortTTL    = 100 * time.Millisecond
	longestWait = 3200 * time.Millisecond

	// margin is what two clocks that count nanoseconds may differ by over a wait.
	margin = 5 * time.Millisecond
)

// timeCases are about TTLs.
var timeCases = []serverCase{
	{"ttl/set", visible, func(t *trial) {
		p := t.connect()
		t.lives(p, func(ttl time.Duration) { p.ask(wire.Set, "k", "value", ttl).is(wire.OK) })
	}},
	{"ttl/add", visible, func(t *trial) {
		p := t.connect()
		t.lives(p, func(ttl time.Duration) {
			p.ask(wire.Delete, "k", "", 0)
			p.ask(wire.Add, "k", "value", ttl).is(wire.OK)
		})
	}},
	{"ttl/replace", visible, func(t *trial) {
		p := t.connect()
		t.lives(p, func(ttl time.Duration) {
			p.ask(wire.Set, "k", "value", minute).is(wire.OK)
			p.ask(wire.Replace, "k", "value", ttl).is(wire.OK)
		})
	}},
	{"ttl/cas", visible, func(t *trial) {
		p := t.connect()
		t.lives(p, func(ttl time.Duration) {
			p.ask(wire.Set, "k", "value", minute).is(wire.OK)
			p.swap("k", p.item("k").version, "value", ttl).is(wire.OK)
		})
	}},
	{"ttl/touch-shortens", visible, func(t *trial) {
		p := t.connect()
		t.lives(p, func(ttl time.Duration) {
			p.ask(wire.Set, "k", "value", minute).is(wire.OK)
			p.ask(wire.Touch, "k", "", ttl).is(wire.OK)
		})
	}},
	{"ttl/is-replaced", "SET stores the value and replaces what was there, including its TTL.", func(t *trial) {
		p := t.connect()
		prolong := map[string]func(key string){
			"set":     func(key string) { p.ask(wire.Set, key, "new", minute).is(wire.OK) },
			"replace": func(key string) { p.ask(wire.Replace, key, "new", minute).is(wire.OK) },
			"touch":   func(key string) { p.ask(wire.Touch, key, "", minute).is(wire.OK) },
			"forever": func(key string) { p.ask(wire.Touch, key, "", 0).is(wire.OK) },
			"cas":     func(key string) { p.swap(key, p.item(key).version, "new", minute).is(wire.OK) },
		}
		for key, change := range prolong {
			p.ask(wire.Set, key, "old", longestWait).is(wire.OK)
			if change(key); t.err != nil {
				return
			}
			if left := p.item(key).left; left != 0 && left <= longestWait {
				t.fail("what %s has prolonged has %v left", key, left)
			}
		}
	}},
	{"ttl/expired-is-gone", "no unexpired item has that key", func(t *trial) {
		p := t.connect()
		commands := []wire.Command{wire.Get, wire.Delete, wire.Replace, wire.Touch, wire.GetV, wire.CAS, wire.GetDel, wire.Add}
		var versions []uint64
		var gone time.Time
		for _, c := range commands {
			version, expires := t.passing(p, c.String())
			versions = append(versions, version)
			if expires.After(gone) {
				gone = expires
			}
		}
		t.wait(gone.Add(margin).Sub(t.now()))
		for i, c := range commands {
			switch c {
			case wire.Add:
				p.ask(c, c.String(), "new", minute).is(wire.OK)
				p.ask(wire.Get, c.String(), "", 0).holds("new")
			case wire.CAS:
				p.swap(c.String(), versions[i], "", minute).is(wire.NotFound)
				p.ask(wire.Get, c.String(), "", 0).is(wire.NotFound)
			default:
				p.ask(c, c.String(), "", minute).is(wire.NotFound)
				p.ask(wire.Get, c.String(), "", 0).is(wire.NotFound)
			}
		}
	}},
	{"ttl/one-nanosecond", visible, func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "value", 1).is(wire.OK)
		p.ask(wire.Get, "k", "", 0).is(wire.NotFound)
		p.ask(wire.Set, "k", "value", minute).is(wire.OK)
		p.ask(wire.Touch, "k", "", 1).is(wire.OK)
		p.ask(wire.Get, "k", "", 0).is(wire.NotFound)
	}},
	{"ttl/zero", "A TTL of 0 means that the item does not expire, or gets the server's default TTL if one is configured. For TOUCH it always means that the item does not expire.", func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "value", 0).is(wire.OK)
		p.ask(wire.Get, "k", "", 0).holds("value")
		p.ask(wire.Set, "k", "value", minute).is(wire.OK)
		p.ask(wire.Touch, "k", "", 0).is(wire.OK)
		if left := p.item("k").left; left != 0 {
			t.fail("what was touched with a TTL of 0 has %v left, not 0", left)
		}
	}},
	{"ttl/longest", "A TTL that is too long for the server's clock means no expiry.", func(t *trial) {
		p := t.connect()
		for _, c := range []wire.Command{wire.Set, wire.Replace} {
			p.ask(c, "k", "value", math.MaxInt64).is(wire.OK)
			p.ask(wire.Get, "k", "", 0).holds("value")
		}
		p.ask(wire.Touch, "k", "", math.MaxInt64).is(wire.OK)
		if left := p.item("k").left; left < 0 || left > 0 && left < math.MaxInt64/2 {
			t.fail("what was stored with the longest TTL has %d ns left", left)
		}
	}},
	{"ttl/negative", "A negative TTL is an error.", func(t *trial) {
		p := t.connect()
		p.ask(wire.Set, "k", "old", 0).is(wire.OK)
		before := p.item("k")
		for _, ttl := range []time.Duration{-1, math.MinInt64} {
			for _, c := range []wire.Command{wire.Set, wire.Add, wire.Replace} {
				p.ask(c, "k", "new", ttl).is(wire.Error)
				p.ask(c, "fresh", "new", ttl).is(wire.Error)
			}
			p.ask(wire.Touch, "k", "", ttl).is(wire.Error)
			p.swap("k", before.version, "new", ttl).is(wire.Error)
			p.item("k").sameAs(before)
			p.ask(wire.Get, "fresh", "", 0).is(wire.NotFound)
		}
	}},
	{"ttl/ignored", "Commands that do not use the TTL ignore it.", func(t *trial) {
		p := t.connect()
		for _, ttl := range []time.Duration{-1, math.MinInt64, 1, math.MaxInt64} {
			p.ask(wire.Set, "k", "value", minute).is(wire.OK)
			p.ask(wire.Get, "k", "", ttl).holds("value")
			p.ask(wire.GetV, "k", "", ttl).is(wire.OK)
			p.ask(wire.Ping, "", "hello", ttl).holds("hello")
			p.ask(wire.GetDel, "k", "", ttl).holds("value")
			p.ask(wire.Delete, "k", "", ttl).is(wire.NotFound)
		}
	}},
}

const visible = "An item is visible as long as less time than its TTL has passed, and not for a nanosecond longer, even if its memory has not been freed yet."

// lives demands that what store stores under "k" is there as long as its TTL has not
// passed since before it was sent, and is gone once it has passed since the answer.
// In between, both are right.
func (t *trial) lives(p *peer, store func(ttl time.Duration)) {
	for ttl := shortTTL; ttl <= longestWait; ttl *= 2 {
		began := t.now()
		store(ttl)
		stored := t.now()
		seen := true
		for _, share := range []time.Duration{0, ttl / 2, ttl * 9 / 10} {
			t.wait(share - t.now().Sub(began))
			a := p.ask(wire.Get, "k", "", 0)
			passed := t.now().Sub(began)
			switch {
			case t.err != nil:
				return
			case passed >= ttl-margin:
				seen = false
			default:
				a.holds("value")
			}
		}
		t.wait(stored.Add(ttl + margin).Sub(t.now()))
		p.ask(wire.Get, "k", "", 0).is(wire.NotFound)
		if seen || t.err != nil {
			return
		}
	}
	t.skip("answers take too long to tell what lives for %v", longestWait)
}

// passing stores what expires soon, and returns the version that it has, and a moment at
// which it has expired.
func (t *trial) passing(p *peer, key string) (version uint64, gone time.Time) {
	for ttl := shortTTL; ttl <= longestWait; ttl *= 2 {
		began := t.now()
		p.ask(wire.Set, key, "value", ttl).is(wire.OK)
		gone = t.now().Add(ttl)
		a := p.ask(wire.GetV, key, "", 0)
		if a.Status == wire.NotFound && t.now().Sub(began) >= ttl-margin {
			continue
		}
		// or the trial has failed
		version, _, _ = wire.CutNumber(a.is(wire.OK).Value)
		return version, gone
	}
	t.skip("it takes the server longer than %v to answer two requests", longestWait)
	return 0, gone
}
