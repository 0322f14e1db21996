package sim

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A user calls the product's client, making each call in a new goroutine.
type user struct {
	b       *bubble
	index   int
	client  *cryptomem.Client
	clk     *wallClock
	names   *sealing.Sealer // for the names that the server knows
	primary int
	retired bool // it has let go of keys

	batch []gathered // calls that wait for each other

	// Guarded by b.mu:
	admitted int64              // when the latest call began that came to something
	memory   *oracle.Memory     // what the user cannot but know; nil unless the server is hostile
	versions map[string]version // that it saw last, by key
	locks    map[string]*held   // that it has taken last, by name
	calls    []underway         // in order
	aims     []script.Action    // whose requests wait to be sent
	wire     *pipeline.Conn     // for what the client has no call for; nil until there is need
}

// A version is an item's, and by which step of the script it was seen: of two
// answers that arrive together, the later call's counts.
type version struct {
	number uint64
	step   int
}

// underway is a call that has not ended.
type underway struct {
	step   int
	cancel context.CancelFunc
	over   chan struct{}
}

func newUser(b *bubble, index int) *user {
	u := &user{b: b, index: index, versions: map[string]version{}, locks: map[string]*held{}, clk: newWallClock(b.clk), memory: memoryOf(b.script, b.ledger)}
	kr, err := sharedKeyring(0, false)
	if err != nil {
		b.violate(RuleRefusal, err.Error())
	}
	c := &b.script.Config
	var named []sealing.Option
	if c.Blind {
		named = append(named, sealing.WithBlindNames())
	}
	if u.names, err = sealing.New(kr, named...); err != nil {
		b.violate(RuleRefusal, err.Error())
	}
	if u.client, err = u.connect(kr); err != nil {
		b.violate(RuleRefusal, err.Error())
	}
	return u
}

// connect makes the user's client, of the one server or of a ring of all.
func (u *user) connect(kr *sealing.Keyring) (*cryptomem.Client, error) {
	b := u.b
	c := &b.script.Config
	both := []cryptomem.Option{
		cryptomem.WithClock(u.clk), cryptomem.WithMaxValueSize(c.MaxValueSize),
		cryptomem.WithRandom(&userRandom{keyedReader{seed: script.Draw(b.script.Seed, uint64(u.index))}, b}),
	}
	opts := []cryptomem.Option{
		cryptomem.WithKeyring(kr), cryptomem.WithSkew(skew), cryptomem.WithAttempts(c.Attempts),
		cryptomem.WithObserver(turnstile{b, u.index}), cryptomem.WithFreshness(tableOf(c)),
	}
	if c.Padding {
		opts = append(opts, cryptomem.WithPadding())
	}
	if c.Blind {
		opts = append(opts, cryptomem.WithBlindNames())
	}
	switch {
	case c.Each > 0, c.MaxConnections > 0: // who comes too late is refused, and comes again
		return cryptomem.Open("sim", slices.Concat(both, opts, u.dialing(b.first))...)
	case len(b.processes) == 1:
		return cryptomem.Dial(context.Background(), "sim", slices.Concat(both, opts, u.dialing(b.first))...)
	}
	ring, err := newUserRing(u, both)
	if err != nil {
		return nil, err
	}
	return cryptomem.NewClient(ring, slices.Concat(both, opts)...)
}

// dialing are the options of the user's connections to a server.
func (u *user) dialing(to *process) []cryptomem.Option {
	b := u.b
	c := &b.script.Config
	opts := []cryptomem.Option{
		cryptomem.WithBackoff(1, 1), // calls that wait together would go on in an order that no gate decides
		cryptomem.WithDialer(func(context.Context, string) (net.Conn, error) { return to.dial(u.index) }),
		cryptomem.WithTimeout(max(c.Deadline, time.Millisecond)),
	}
	if c.Deadline == 0 {
		opts = append(opts, cryptomem.WithTimeout(24*time.Hour))
	}
	if c.Inflight > 0 {
		opts = append(opts, cryptomem.WithInFlight(c.Inflight, 1<<20))
	}
	if b.shell.secures(u.index) {
		opts = append(opts, cryptomem.WithTLS(trusting()))
	}
	if c.Identities > 0 {
		name := identityOf(c, u.index)
		opts = append(opts, cryptomem.WithAuth(name, []byte(tokenOf(name))))
	}
	return opts
}

func (u *user) name() string { return fmt.Sprintf("c%d", u.index) }

// A userRandom is the randomness of a user's client. Goroutines that draw at one
// time do so in no order: what is drawn for a pause, of which one can see how long
// it was, depends on the time instead. Nonces only have to differ.
type userRandom struct {
	keyedReader
	b *bubble
}

// jitterSize is how much is drawn for a pause, in bytes; nonces take more.
const jitterSize = 8

// Read fills p.
func (r *userRandom) Read(p []byte) (int, error) {
	if len(p) != jitterSize {
		return r.keyedReader.Read(p)
	}
	binary.BigEndian.PutUint64(p, script.Draw(r.seed, uint64(r.b.elapsed())))
	return len(p), nil
}

func (u *user) close() {
	if u.client != nil {
		_ = u.client.Close() // always nil
	}
	if u.wire != nil {
		_ = u.wire.Close() // always nil
	}
}

// rotate seals with the next key from now on, or, to retire them, lets go of all
// others.
func (u *user) rotate(retire bool) {
	if !retire {
		u.primary = (u.primary + 1) % keyCount
	}
	u.retired = u.retired || retire
	kr, err := sharedKeyring(u.primary, retire)
	if err == nil {
		err = u.client.Rekey(kr)
	}
	if err != nil {
		u.b.violate(RuleRefusal, "no rotation: "+err.Error())
	}
}

// cancel ends the context of the user's latest call.
func (u *user) cancel() {
	u.b.mu.Lock()
	defer u.b.mu.Unlock()
	if n := len(u.calls); n > 0 {
		u.calls[n-1].cancel()
	}
}

// A turnstile makes every request of a call pass the gate before it begins.
type turnstile struct {
	b    *bubble
	lane int
}

// stepKey is the context's key for the step of the script that a call is.
type stepKey struct{}

// Begin implements cryptomem.Observer.
func (t turnstile) Begin(ctx context.Context, _ wire.Command) (context.Context, func(cryptomem.Outcome)) {
	step, _ := ctx.Value(stepKey{}).(int)
	id := 1<<30 | uint64(step)
	if step == 0 {
		id = 1<<29 | uint64(t.lane) // a client's own, in the background
	}
	t.b.gate.pass(&ticket{id: id, lane: t.lane, step: step})
	if !t.b.loading {
		return ctx, func(cryptomem.Outcome) {}
	}
	// whose answer comes first decides who loads or locks, and answers may come together
	return ctx, func(cryptomem.Outcome) { t.b.gate.pass(&ticket{id: id | 1<<28, lane: t.lane, step: step}) }
}

// call starts a call. Where connections may break, a user of a seed makes one at a
// time, and so does one whose calls are tried again: those that wait for a new
// connection go on all at once, in an order that no gate decides.
func (u *user) call(step int, a *script.Action) {
	if u.gathers(step, a) {
		return
	}
	b := u.b
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), stepKey{}, step))
	b.mu.Lock()
	defer b.mu.Unlock()
	before := u.before()
	b.pending++
	if a.Aim.On && b.free == nil {
		u.aims = append(u.aims, *a)
	}
	over := make(chan struct{})
	u.calls = append(u.calls, underway{step, cancel, over})
	b.work.Go(func() {
		defer close(over)
		defer cancel()
		if before != nil {
			<-before
		}
		b.gate.pass(&ticket{id: 1<<31 | uint64(step), lane: u.index, step: step}) // calls may wait for each other before they ask
		op := oracle.Op{Client: u.index, Verb: a.Verb, Key: a.Key, Label: a.Value.Label, TTL: a.TTL, Call: b.moment()}
		traced := b.noteCall(u.index, a)
		known := u.recall(a.Key)
		value, err := u.do(ctx, a, &op)
		op.Return = b.moment()
		b.mu.Lock()
		defer b.mu.Unlock()
		b.pending--
		u.calls = slices.DeleteFunc(u.calls, func(c underway) bool { return c.step == step })
		well := b.failure == nil
		how := u.outcome(step, a, op, known, value, err)
		b.noteEnd(traced, how, well && b.failure != nil)
	})
}

// before returns what a call has to wait for, nil for nothing. It requires b.mu.
func (u *user) before() chan struct{} {
	b := u.b
	if n := len(u.calls); b.faults && (b.script.Config.Attempts > 1 || len(b.script.Title) == 0) && n > 0 {
		return u.calls[n-1].over
	}
	return nil
}

// do makes the call.
func (u *user) do(ctx context.Context, a *script.Action, op *oracle.Op) (value []byte, err error) {
	if a.Verb.IsWrite() {
		u.writing(a, op)
	}
	switch {
	case a.Verb == script.Prolong:
		return nil, u.prolong(ctx, a)
	case a.Verb.IsLoading():
		return u.load(ctx, a)
	case a.Verb.IsLocking():
		return nil, u.lock(ctx, a, op.Call)
	}
	return request(ctx, u.client, u.b.script.Config.Blind, a, op)
}

// writing takes note of a write that begins.
func (u *user) writing(a *script.Action, op *oracle.Op) {
	u.b.mu.Lock()
	defer u.b.mu.Unlock()
	op.Version = u.versions[a.Key].number
	u.b.ledger.Sealed(a.Value.Label, a.Key, time.Time{})
	u.b.ledger.Writing(a.Value.Label, u.clk.Now())
	if a.Verb == script.Add {
		// It seals the value once more if it finds one that the client refuses.
		u.b.ledger.Writing(a.Value.Label, u.clk.Now())
	}
	u.b.values[a.Value.Label] = a.Value
}

// prolong sends the protocol's own TOUCH, on a connection of its own: the
// product's client has no call for it.
func (u *user) prolong(ctx context.Context, a *script.Action) error {
	turnstile{u.b, u.index}.Begin(ctx, wire.Touch)
	u.b.mu.Lock()
	conn := u.wire
	u.b.mu.Unlock()
	if conn == nil || isOver(conn.Broken()) {
		end, err := u.b.first.dial(u.index)
		if err != nil {
			return err
		}
		if u.b.shell.secures(u.index) {
			secured := tls.Client(end, trusting())
			if err := secured.HandshakeContext(ctx); err != nil {
				_ = end.Close() // a pipe closes without error
				return err
			}
			end = secured
		}
		conn = pipeline.NewConn(end, u.clk, pipeline.EngineLimits{})
		if c := &u.b.script.Config; c.Identities > 0 {
			name := identityOf(c, u.index)
			auth := pipeline.Call{Request: wire.Request{Command: wire.Auth, Key: []byte(name), Value: []byte(tokenOf(name))}}
			if err := conn.Do(ctx, &auth); err != nil || auth.Response.Status != wire.OK {
				_ = conn.Close() // always nil
				return cmp.Or[error](err, &cryptomem.ServerError{Status: auth.Response.Status, Message: string(auth.Response.Value)})
			}
		}
		u.b.mu.Lock()
		u.wire = conn
		u.b.mu.Unlock()
	}
	call := pipeline.Call{Request: wire.Request{Command: wire.Touch, TTL: a.TTL, Key: u.wireName(a.Key)}}
	if err := conn.Do(ctx, &call); err != nil {
		if call.MaybeApplied {
			err = fmt.Errorf("%w: %w", cryptomem.ErrMaybeApplied, err)
		}
		return err
	}
	switch call.Response.Status {
	case wire.OK:
		return nil
	case wire.NotFound:
		return cryptomem.ErrNotFound
	}
	return &cryptomem.ServerError{Status: call.Response.Status, Message: string(call.Response.Value)}
}

func isOver(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// wireName returns a key's name on the server.
func (u *user) wireName(key string) []byte { return u.names.AppendWireName(nil, []byte(key)) }

// request makes an action's call on the product's client.
func request(ctx context.Context, c *cryptomem.Client, blind bool, a *script.Action, op *oracle.Op) (value []byte, err error) {
	key, ttl := a.Key, cryptomem.TTL(a.TTL)
	if a.Verb.IsWrite() {
		value = a.Value.AppendTo(nil)
	}
	switch a.Verb {
	case script.Set:
		return nil, c.Set(ctx, key, value, ttl)
	case script.Add:
		return nil, c.Add(ctx, key, value, ttl)
	case script.Replace:
		return nil, c.Replace(ctx, key, value, ttl)
	case script.CAS:
		op.Got, err = c.CompareAndSwap(ctx, key, value, op.Version, ttl)
		return nil, err
	case script.Get:
		return c.Get(ctx, key)
	case script.GetV:
		item, err := c.GetItem(ctx, key)
		op.Got = item.Version
		return item.Value, err
	case script.GetDel:
		return c.GetDelete(ctx, key)
	case script.Delete:
		return nil, c.Delete(ctx, key)
	case script.Touch, script.Prolong:
		return nil, c.Touch(ctx, key, ttl)
	case script.Flush:
		if blind {
			key, op.Key = "", "" // blind names have no prefixes: everything goes
		}
		_, err = c.Flush(ctx, key)
		return nil, err
	}
	return nil, c.Ping(ctx)
}

// recall notes what the user knows of the key before a call, for judging its answer.
func (u *user) recall(key string) *oracle.Recall {
	if u.memory == nil || key == "" {
		return nil
	}
	u.b.mu.Lock()
	defer u.b.mu.Unlock()
	return u.memory.Begin(key, u.clk.Now())
}

// accepted asks the oracle whether a value that was seen, if any, may be. It requires
// b.mu.
func (u *user) accepted(known *oracle.Recall, key, seen string) *oracle.Violation {
	if seen == "" {
		return nil
	}
	return u.memory.Accepted(known, key, seen)
}
