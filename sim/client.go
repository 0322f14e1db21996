package sim

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/ring"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sealing/freshness"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// skew is how far past its sealed expiry a client accepts a value.
const skew = 2 * time.Millisecond

// keyCount is how many keys every keyring holds, for clients to rotate through.
const keyCount = 3

// A client is a user of the product: it seals, sends, receives and opens.
type client struct {
	w        *world
	index    int
	clk      virtualClock
	sealer   *sealing.Sealer  // nil until the first use
	fresh    *freshness.Table // nil until then
	memory   *oracle.Memory   // what the client cannot but know; nil unless the server is hostile
	random   keyedReader
	primary  int               // which of the keys seals
	ends     []*clientEnd      // so many a server; nil while there is no connection
	waiting  [][]*call         // for room on each connection, in order
	last     int               // the connection that the latest call went to
	turn     int               // of connections to one server
	batch    []*script.Action  // that are to be sent together
	batches  int               // so far
	corked   bool              // what is submitted is not sent yet
	retired  bool              // its keyring holds the primary alone
	ring     *ring.Ring        // nil for one server
	versions map[string]uint64 // that it saw last, by key
	holds    map[string]*hold  // locks that it has taken last, by name
	flights  map[string]*flight
	scratch  []byte
	envelope []byte
	name     []byte
}

func newClient(w *world, index int) *client {
	c := &client{
		w: w, index: index, clk: virtualClock{now: &w.now},
		random:   keyedReader{seed: script.Draw(w.script.Seed, uint64(index))},
		versions: map[string]uint64{}, holds: map[string]*hold{}, ends: make([]*clientEnd, len(w.servers)*w.links()), waiting: make([][]*call, len(w.servers)*w.links()),
	}
	c.memory = memoryOf(w.script, w.ledger)
	c.joinRing()
	return c
}

// keyedReader is a stream of random bytes that a seed decides.
type keyedReader struct{ seed, read uint64 }

// Read fills b.
func (r *keyedReader) Read(b []byte) (int, error) {
	for i := 0; i < len(b); i += 8 {
		r.read++
		x := script.Draw(r.seed, r.read)
		for j := i; j < min(i+8, len(b)); j++ {
			b[j] = byte(x)
			x >>= 8
		}
	}
	return len(b), nil
}

// seal returns the client's sealer, under its present primary key.
func (c *client) seal() *sealing.Sealer {
	if c.sealer != nil {
		return c.sealer
	}
	cfg := &c.w.script.Config
	opts := []sealing.Option{sealing.WithSkew(skew), sealing.WithRandom(&c.random), sealing.WithClock(&c.clk), sealing.WithClockBound(cfg.ClockBound)}
	if cfg.Padding {
		opts = append(opts, sealing.WithPadding())
	}
	if cfg.Blind {
		opts = append(opts, sealing.WithBlindNames())
	}
	var err, failed error
	c.sealer, err = sealing.New(c.keyring(), opts...)
	c.fresh, failed = freshness.New(tableOf(cfg))
	if err = errors.Join(err, failed); err != nil {
		c.w.violate(RuleRefusal, "no sealer: %v", err)
	}
	return c.sealer
}

// keyring returns the keyring that all clients share, but for the primary.
func (c *client) keyring() *sealing.Keyring {
	kr, err := sharedKeyring(c.primary, c.retired)
	if err != nil {
		c.w.violate(RuleRefusal, "no keyring: %v", err)
	}
	return kr
}

// sharedKeyring returns keyCount keys, of which one seals, and a name root; or that
// one key alone.
func sharedKeyring(primary int, alone bool) (*sealing.Keyring, error) {
	nameRoot := sha256.Sum256([]byte("names"))
	kr := &sealing.Keyring{}
	err := kr.SetNameRoot(nameRoot[:])
	for i := range keyCount {
		if alone && i != primary {
			continue
		}
		secret := sha256.Sum256([]byte{byte(i)})
		id, e := kr.Add(secret[:])
		if e == nil && i == primary {
			e = kr.Promote(id)
		}
		err = errors.Join(err, e)
	}
	return kr, err
}

// wall is what the client's wall clock shows.
func (c *client) wall() time.Time { return c.clk.Now() }

// act does what is not a call.
func (c *client) act(a *script.Action) {
	w, until := c.w, c.w.now+int64(a.TTL)
	switch a.Verb {
	case script.Clock:
		c.clk.step += a.TTL
		if a.TTL < 0 {
			w.cover(StateClockBack)
		}
		return
	case script.Cancel:
		c.cancel()
		return
	case script.Deliver:
		w.deliver(c.index, a.Side, a.Count)
		return
	case script.Batch:
		c.expectBatch(a.Count)
		return
	case script.Rotate, script.Retire:
		if a.Verb == script.Rotate {
			c.primary = (c.primary + 1) % keyCount
		}
		c.retired = a.Verb == script.Retire
		c.noteRekey()
		if c.sealer != nil {
			if err := c.sealer.Rekey(c.keyring()); err != nil {
				w.violate(RuleRefusal, "no rotation: %v", err)
			}
		}
		if a.Verb == script.Rotate {
			w.cover(StateRotated)
		}
		return
	}
	for _, e := range c.ends {
		switch {
		case e == nil:
		case a.Verb == script.WrongToken:
			e.show(identityOf(&w.script.Config, c.index), "a guess", func(bool) {})
		case a.Verb == script.LogIn:
			e.introduce()
		default:
			e.strike(a, until)
		}
	}
}

// strike lets a fault of the client's links happen.
func (e *clientEnd) strike(a *script.Action, until int64) {
	conn, w := e.conn, e.conn.w
	p := conn.up
	if a.Side == script.Down {
		p = conn.down
	}
	switch a.Verb {
	case script.Cut:
		conn.cut("cut")
	case script.CutTorn:
		p.tear = true
	case script.CutAnswer:
		conn.server.cut = true
	case script.Finish:
		e.finish()
	case script.Stall:
		p.stalled = max(p.stalled, until)
		w.cover(StateStalled)
	case script.Trickle:
		p.trickles = max(p.trickles, until)
	case script.Flip:
		p.flip = true
	default:
		panic("sim: nothing happens to a link by " + a.Verb.String())
	}
}

// connected returns the client's end of a connection to a server, a fresh one if
// there is none, nil if the server is unreachable.
func (c *client) connected(to *node, slot int) *clientEnd {
	if e := c.ends[slot]; e != nil || !to.reachable() {
		return e
	}
	cfg := &c.w.script.Config
	silence := cfg.Deadline
	if silence == 0 {
		silence = -1
	}
	conn := c.w.connect(c.index, to)
	e := &clientEnd{c: c, conn: conn, slot: slot, engine: pipeline.NewEngine(pipeline.EngineLimits{
		MaxCalls: cfg.Inflight, MaxAnswer: cfg.MaxValueSize + 16, Silence: silence, Total: -1,
	})}
	conn.client = e
	c.ends[slot] = e
	e.introduce()
	return e
}

// call sends a request, unless it is to wait for others to be sent with.
func (c *client) call(a *script.Action) {
	if !c.gathers(a) {
		c.makeCall(a)
	}
}

// makeCall makes a call and sends it.
func (c *client) makeCall(a *script.Action) {
	w := c.w
	k := w.newCall()
	k.action, k.touches, k.batch = a, 0, c.batchNumber()
	k.began = w.now
	w.noteCall(k, c.index)
	k.op = oracle.Op{
		Client: c.index, Verb: a.Verb, Key: a.Key, Label: a.Value.Label, TTL: a.TTL,
		Call: w.server.clk.elapsed(), Return: oracle.Never, Began: w.turn,
	}
	if a.Verb.IsLoading() {
		c.seal()
		w.values[a.Value.Label] = a.Value
		c.load(k)
		return
	}
	if a.Verb.IsLocking() {
		if !c.locks(k, a) {
			return
		}
	} else {
		c.request(k, a)
	}
	if w.failure == nil {
		k.recall = c.recall(a.Key)
		c.send(k)
	}
}

// send hands a call to the connection, or lets it wait for room there.
func (c *client) send(k *call) {
	to := c.place(k)
	if to == nil {
		k.finish(c, oracle.Void, script.WantUnsent)
		return
	}
	slot := c.slot(to, k)
	e := c.connected(to, slot)
	if e == nil {
		c.ringFailed(to)
		k.finish(c, oracle.Void, script.WantUnsent)
		return
	}
	c.last = slot
	if len(c.waiting[slot]) > 0 {
		c.wait(k)
		return
	}
	switch err := e.submit(k); {
	case errors.Is(err, pipeline.ErrTooManyCalls):
		c.w.cover(StateBusy)
		if k.batch > 0 {
			c.w.cover(StateBatchWaits)
		}
		c.wait(k)
	case err != nil:
		k.finish(c, oracle.Void, script.WantUnsent)
	}
}

func (c *client) wait(k *call) {
	k.Request.Key, k.Request.Value = bytes.Clone(k.Request.Key), bytes.Clone(k.Request.Value)
	c.waiting[c.last] = append(c.waiting[c.last], k)
	c.w.pending++
}

// resume submits the calls that have waited for room, as far as there is some.
func (c *client) resume(e *clientEnd) {
	for len(c.waiting[e.slot]) > 0 && c.ends[e.slot] == e {
		k := c.waiting[e.slot][0]
		err := e.submit(k)
		if errors.Is(err, pipeline.ErrTooManyCalls) {
			return
		}
		c.waiting[e.slot] = c.waiting[e.slot][1:]
		c.w.pending--
		if err != nil {
			k.finish(c, oracle.Void, script.WantUnsent)
		}
	}
}

// cancel gives up the latest call.
func (c *client) cancel() {
	waiting := c.waiting[c.last]
	if n := len(waiting); n > 0 {
		k := waiting[n-1]
		c.waiting[c.last] = waiting[:n-1]
		c.w.pending--
		k.finish(c, oracle.Void, script.WantUnanswered)
		return
	}
	if e := c.ends[c.last]; e != nil {
		e.cancel()
	}
}

// commands are the requests that verbs become.
var commands = [...]wire.Command{
	script.Set: wire.Set, script.Add: wire.Add, script.Replace: wire.Replace, script.CAS: wire.CAS,
	script.Get: wire.Get, script.GetV: wire.GetV, script.GetDel: wire.GetDel, script.Delete: wire.Delete,
	script.Touch: wire.GetV, script.Prolong: wire.Touch, script.Ping: wire.Ping, script.Flush: wire.Flush,
}

// request makes the request that an action asks for.
func (c *client) request(k *call, a *script.Action) {
	w, s := c.w, c.seal()
	if w.failure != nil {
		return
	}
	r := wire.Request{Command: commands[a.Verb], TTL: a.TTL}
	if a.Key != "" && (a.Verb != script.Flush || !w.script.Config.Blind) {
		c.name = s.AppendWireName(c.name[:0], []byte(a.Key))
		r.Key = c.name
	}
	switch {
	case a.Verb == script.Flush && w.script.Config.Blind:
		k.op.Key = "" // blind names have no prefixes: everything goes
	case a.Verb == script.Ping:
		r.Value = []byte(a.At.String())
	case a.Verb == script.Touch:
		r.TTL = 0 // that is for the second request, the swap
	case a.Verb.IsWrite():
		c.envelope = c.envelope[:0]
		if a.Verb == script.CAS {
			k.op.Version = c.versions[a.Key]
			c.envelope = appendUint64(c.envelope, k.op.Version)
		}
		c.scratch = a.Value.AppendTo(c.scratch[:0])
		k.stamp = c.fresh.Stamp(c.wall())
		w.sealedWith(a.Value.Label, c.primary)
		r.Value = c.sealed(a, a.Value.Label, k.stamp)
		w.ledger.Writing(a.Value.Label, c.wall())
		w.ledger.Written(a.Value.Label, c.wall())
		w.values[a.Value.Label] = a.Value
	}
	k.Request = r
	k.refusable = c.refuses(&r)
	c.begin(k)
}

// sealed appends the value in c.scratch, sealed with the action's TTL and the
// stamp, to c.envelope, and enters it in the ledger.
func (c *client) sealed(a *script.Action, label string, stamp sealing.Stamp) []byte {
	var expiry time.Time
	if a.TTL > 0 {
		expiry = c.wall().Add(a.TTL)
	}
	var err error
	start := len(c.envelope)
	if c.envelope, err = c.seal().Seal(c.envelope, []byte(a.Key), c.scratch, expiry, stamp); err != nil {
		c.w.violate(RuleRefusal, "%v cannot be sealed: %v", a, err)
	} else if v := c.w.sealed.Sent(c.name, c.envelope[start:]); v != nil {
		c.w.fail(v)
	}
	if c.w.server.disk != nil {
		c.w.written[hashBytes(0, c.envelope[start:])] = written{a.Key, label}
	}
	c.w.ledger.Sealed(label, a.Key, expiry)
	return c.envelope
}

// refuses reports whether the protocol's rules forbid a request.
func (c *client) refuses(r *wire.Request) bool {
	size := len(r.Value)
	if r.Command == wire.CAS {
		size -= 8
	}
	return size > c.w.script.Config.MaxValueSize || r.TTL < 0 || len(r.Key) == 0 && r.Command != wire.Ping && r.Command != wire.Flush
}

func appendUint64(b []byte, x uint64) []byte {
	return append(b, byte(x>>56), byte(x>>48), byte(x>>40), byte(x>>32), byte(x>>24), byte(x>>16), byte(x>>8), byte(x))
}
