package sim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// What tier 1 takes for the product's: the requests are the same, one after the other.
const (
	noteName    = "\x00note"
	refreshName = "\x00refresh"
	firstPause  = int64(5 * time.Millisecond)
	mostPause   = int64(250 * time.Millisecond)
)

// A found is what a client finds under a name that is loaded.
type found struct {
	kind    foundKind
	label   string
	version uint64
	// State of the client that is loading it.
	mark []byte
}

type foundKind uint8

const (
	foundFailed foundKind = iota // the store cannot be asked
	foundNothing
	foundLease
	foundStale
	foundValue
)

// A flight is a load under way on tier 1, and the calls that wait for it.
type flight struct {
	c          *client
	action     *script.Action
	waiting    []*call
	background bool
	// The lease, or for a flight in the background the lock beside the stale value.
	name, wire string
	mark       []byte
	version    uint64
	leased     bool
	// When the lease was taken; 0 if it was not.
	since int64
	// Of the stale value.
	stale uint64
	// The loader that it has waited for.
	waited []byte
	pause  int64
	races  int
	run    *oracle.Loading
	// The store could not be asked.
	unstored bool
}

// aside sends a request that is no call of the script.
func (c *client) aside(r wire.Request, answered func(*call)) {
	k := &call{action: &script.Action{Verb: script.Ping}}
	k.Call = pipeline.Call{Request: r}
	k.looked = func(bool) { answered(k) }
	e := c.connected(c.w.server, 0)
	if e == nil {
		k.Err = errNoListener
	} else if err := e.submit(k); err != nil {
		k.Err = err
	}
	if k.Err != nil {
		answered(k)
	}
}

// load begins a call that gets a value, or loads it.
func (c *client) load(k *call) {
	w, asked := c.w, c.w.now
	w.pending++
	c.find(k.action, func(f found) {
		running := c.flights[k.action.Key]
		switch f.kind {
		case foundValue:
			c.loadEnded(k, f.label, false)
		case foundStale:
			w.cover(StateStaleServed)
			c.loadEnded(k, f.label, false)
			if running == nil {
				c.fly(&flight{c: c, action: k.action, background: true})
			}
		case foundFailed:
			w.cover(StateLoadedAlone)
			fallthrough
		default:
			invalid := running != nil && running.since != 0 && asked >= running.since && !bytes.Equal(f.mark, running.mark)
			if running != nil && !running.background && (f.kind == foundFailed || !invalid) {
				w.cover(StateLoadShared)
				running.waiting = append(running.waiting, k)
				return
			}
			c.fly(&flight{c: c, action: k.action, waiting: []*call{k}, unstored: f.kind == foundFailed})
		}
	})
}

// find asks for what is under the name of a load.
func (c *client) find(a *script.Action, then func(found)) {
	c.aside(wire.Request{Command: wire.GetV, Key: c.wireName(a.Key)}, func(k *call) { then(c.see(a, k)) })
}

func (c *client) wireName(key string) []byte { return c.seal().AppendWireName(nil, []byte(key)) }

// see says what an answer shows under the name of a load.
func (c *client) see(a *script.Action, k *call) found {
	value := k.Response.Value
	switch {
	case k.Err != nil || k.Response.Status != wire.OK && k.Response.Status != wire.NotFound:
		return found{}
	case k.Response.Status == wire.NotFound || len(value) < 16:
		return found{kind: foundNothing}
	}
	f := found{kind: foundNothing, version: binary.BigEndian.Uint64(value)}
	plain, err := c.seal().Open(nil, []byte(a.Key), value[16:], c.wall())
	if err == nil {
		f.kind, f.label = foundValue, script.Label(plain)
		if v := c.w.ledger.Accepted(f.label, a.Key, c.wall(), skew); v != nil {
			c.w.fail(v)
		} else if !c.w.values[f.label].Is(plain) {
			c.w.violate(oracle.RuleSealed, "%v opened what only begins like %q", a, f.label)
		}
		if expiry, _ := sealing.Expiry(value[16:]); !expiry.IsZero() && !c.wall().Before(expiry.Add(-a.Stale)) {
			f.kind = foundStale
		}
		return f
	}
	if mark, err := c.seal().Open(nil, []byte(a.Key+noteName), value[16:], c.wall()); err == nil && len(mark) > 0 {
		f.kind, f.mark = foundLease, mark
	}
	return f
}

// isNote reports whether a name that is loaded has a lease in the place of a value.
func (c *client) isNote(k *call, envelope []byte) bool {
	_, err := c.seal().Open(nil, []byte(k.action.Key+noteName), envelope, c.wall())
	return err == nil || errors.Is(err, sealing.ErrExpired) || errors.Is(err, sealing.ErrStale)
}

// loadEnded ends a call with the label of what it came to.
func (c *client) loadEnded(k *call, label string, failed bool) {
	w := c.w
	w.pending--
	k.op.Return, k.op.Ended = w.server.clk.elapsed(), w.turn
	w.loads.Called(oracle.LoadCall{
		Client: c.index, Name: k.action.Key, Label: k.action.Value.Label, TTL: k.action.TTL, Stale: k.action.Stale,
		Call: k.op.Call, Return: k.op.Return, Seen: label, Failed: failed,
	})
	w.mix(hashBytes(0, []byte(label)))
	if failed {
		label = script.WantFailed
	}
	k.finish(c, oracle.Void, label)
}

// fly begins a flight: it takes a lease, or loads alone if the store cannot be asked.
func (c *client) fly(f *flight) {
	a := f.action
	if c.flights == nil {
		c.flights = map[string]*flight{}
	}
	c.flights[a.Key] = f
	f.mark = make([]byte, 16)
	_, _ = c.random.Read(f.mark) // never fails
	f.wire, f.name, f.pause = a.Key, a.Key+noteName, firstPause
	if f.background {
		f.wire, f.name = a.Key+refreshName, a.Key+refreshName
	}
	if f.unstored {
		f.load()
		return
	}
	f.take()
}

// term is how long the flight's lease lasts without a sign of life.
func (f *flight) term() time.Duration {
	if f.action.Lease > 0 {
		return f.action.Lease
	}
	return 10 * time.Second
}

// put stores something under the flight's lease or value.
func (f *flight) put(command wire.Command, key, name string, plain []byte, ttl time.Duration, version uint64, then func(*call)) {
	c := f.c
	var envelope []byte
	if command == wire.CAS {
		envelope = appendUint64(nil, version)
	}
	var expiry time.Time
	if ttl > 0 {
		expiry = c.wall().Add(ttl)
	}
	start, wireName := len(envelope), c.wireName(key)
	envelope, err := c.seal().Seal(envelope, []byte(name), plain, expiry, c.fresh.Stamp(c.wall()))
	if err != nil {
		c.w.violate(RuleRefusal, "%v cannot be sealed: %v", f.action, err)
		return
	}
	if v := c.w.sealed.Sent(wireName, envelope[start:]); v != nil {
		c.w.fail(v)
		return
	}
	if key == name && !f.background && c.w.server.disk != nil {
		c.w.written[hashBytes(0, envelope[start:])] = written{key, f.action.Value.Label}
	}
	c.aside(wire.Request{Command: command, TTL: ttl, Key: wireName, Value: envelope}, then)
}

// take tries to have the lease.
func (f *flight) take() {
	f.put(wire.Add, f.wire, f.name, f.mark, f.term(), 0, func(k *call) {
		if k.Err != nil || k.Response.Status == wire.Error {
			f.alone()
			return
		}
		f.whose(k.Response.Status == wire.OK)
	})
}

// whose looks whose lease is there, after one was added or not.
func (f *flight) whose(added bool) {
	c := f.c
	c.aside(wire.Request{Command: wire.GetV, Key: c.wireName(f.wire)}, func(k *call) {
		value := k.Response.Value
		if f.background {
			if added && k.Err == nil && k.Response.Status == wire.OK && len(value) >= 8 {
				f.version, f.leased = binary.BigEndian.Uint64(value), true
				f.refresh()
			} else {
				f.land()
			}
			return
		}
		switch seen := c.see(f.action, k); {
		case seen.kind == foundFailed:
			f.alone()
		case seen.kind == foundLease && bytes.Equal(seen.mark, f.mark):
			f.version = seen.version
			f.have()
		case seen.kind >= foundStale:
			f.settle(seen.label, false)
			f.land()
		case seen.kind == foundLease && f.waited != nil && !bytes.Equal(f.waited, seen.mark):
			f.alone()
		case seen.kind == foundLease:
			c.w.cover(StateLoadWaited)
			f.waited = seen.mark
			f.wait()
		case seen.version == 0 && f.races < mostRaces:
			f.races++
			f.take()
		case seen.version == 0:
			f.wait()
		default:
			f.put(wire.CAS, f.wire, f.name, f.mark, f.term(), seen.version, func(k *call) {
				if k.Err == nil && k.Response.Status == wire.OK && len(k.Response.Value) == 8 {
					f.version = binary.BigEndian.Uint64(k.Response.Value)
					f.have()
				} else if k.Err != nil {
					f.alone()
				} else {
					f.wait()
				}
			})
		}
	})
}

// wait looks again after a pause.
func (f *flight) wait() {
	w := f.c.w
	f.races = 0
	half := f.pause / 2
	w.events.push(w.now+half+int64(script.Draw(w.script.Seed, uint64(f.c.index), uint64(w.now))%uint64(half)), rankCall, f.c.index, f.take)
	f.pause = min(2*f.pause, mostPause)
}

// have loads with the lease.
func (f *flight) have() {
	f.leased, f.since = true, f.c.w.now
	f.load()
}

// alone loads without a lease: what is loaded is not stored.
func (f *flight) alone() {
	if f.background {
		f.land()
		return
	}
	f.c.w.cover(StateLoadedAlone)
	f.forget()
	f.load()
}

// refresh looks whether the value is still stale, and then loads.
func (f *flight) refresh() {
	f.c.find(f.action, func(seen found) {
		if seen.kind != foundStale {
			f.land()
			return
		}
		f.stale = seen.version
		f.c.w.cover(StateRefreshed)
		f.load()
	})
}

// load runs the loader, and renews the lease as long as it does.
func (f *flight) load() {
	w, a := f.c.w, f.action
	f.run = &oracle.Loading{
		Client: f.c.index, Name: a.Key, Label: a.Value.Label, From: w.server.clk.elapsed(), To: oracle.Never, Failed: a.Verb == script.LoadFail,
	}
	w.loads.Began(f.run)
	w.events.push(w.now+int64(a.Takes), rankCall, f.c.index, f.loaded)
	f.renewLater()
}

func (f *flight) renewLater() {
	w := f.c.w
	if at := w.now + int64(f.term())/2; f.leased && at < w.now+int64(f.action.Takes) {
		w.events.push(at, rankCall, f.c.index, f.renew)
	}
}

// renew extends the lease.
func (f *flight) renew() {
	if f.run.To != oracle.Never || !f.leased {
		return
	}
	f.put(wire.CAS, f.wire, f.name, f.mark, f.term(), f.version, func(k *call) {
		if k.Err == nil && k.Response.Status == wire.OK && len(k.Response.Value) == 8 {
			f.c.w.cover(StateLeaseRenewed)
			f.version = binary.BigEndian.Uint64(k.Response.Value)
			f.renewLater()
			return
		}
		f.c.w.cover(StateLeaseLost)
		f.leased = false
	})
}

// loaded stores what was loaded, in the place of the lease or of the stale value.
func (f *flight) loaded() {
	w, a := f.c.w, f.action
	f.run.To = w.server.clk.elapsed()
	if f.run.Failed {
		w.cover(StateLoadFailed)
		f.settle(f.run.Label, true)
		f.land()
		return
	}
	if !f.leased {
		f.settle(f.run.Label, false)
		f.land()
		return
	}
	version, ttl := f.version, time.Duration(0)
	if f.background {
		version = f.stale
	}
	if a.TTL > 0 {
		ttl = a.TTL + a.Stale
	}
	var expiry time.Time
	if ttl > 0 {
		expiry = f.c.wall().Add(ttl)
	}
	w.ledger.Sealed(a.Value.Label, a.Key, expiry)
	w.sealedWith(a.Value.Label, f.c.primary)
	f.put(wire.CAS, a.Key, a.Key, a.Value.AppendTo(nil), ttl, version, func(k *call) {
		if k.Err == nil && k.Response.Status != wire.OK {
			w.cover(StateLoadOvertaken)
		}
		if k.Err == nil && k.Response.Status == wire.OK && !f.background {
			f.leased = false // the value is in its place
		}
		f.settle(f.run.Label, false)
		f.land()
	})
}

// settle ends all calls that wait.
func (f *flight) settle(label string, failed bool) {
	waiting := f.waiting
	f.waiting = nil
	for _, k := range waiting {
		f.c.loadEnded(k, label, failed)
	}
}

// forget lets later calls begin another flight.
func (f *flight) forget() {
	if f.c.flights[f.action.Key] == f {
		delete(f.c.flights, f.action.Key)
	}
}

// land ends the flight, and gives back its lease.
func (f *flight) land() {
	f.forget()
	if f.leased && !f.c.w.over {
		f.leased = false
		f.put(wire.CAS, f.wire, f.name, nil, 1, f.version, func(*call) {})
	}
}
