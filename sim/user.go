package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// attempts is how often a user's client tries a call at most.
const attempts = 2

// A user calls the product's client, each time from a goroutine of its own.
type user struct {
	b       *bubble
	index   int
	client  *cryptomem.Client
	primary int

	// Guarded by b.mu:
	versions map[string]version // that it saw last, by key
	calls    []underway         // in order
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
	u := &user{b: b, index: index, versions: map[string]version{}}
	kr, err := sharedKeyring(0)
	if err != nil {
		b.violate(RuleRefusal, err.Error())
	}
	c := &b.script.Config
	// The item goes first at the server: what is sealed into the value would
	// hide it from the one who reads, and not from the one who adds.
	opts := []cryptomem.Option{
		cryptomem.WithKeyring(kr), cryptomem.WithClock(b.clk), cryptomem.WithSkew(time.Hour), cryptomem.WithAttempts(attempts),
		cryptomem.WithRandom(&keyedReader{seed: script.Draw(b.script.Seed, uint64(index))}),
		cryptomem.WithDialer(func(context.Context, string) (net.Conn, error) { return b.dial(index) }),
		cryptomem.WithObserver(turnstile{b}),
		cryptomem.WithTimeout(max(c.Deadline, time.Millisecond)), cryptomem.WithMaxValueSize(c.MaxValueSize),
	}
	if c.Deadline == 0 {
		opts = append(opts, cryptomem.WithTimeout(24*time.Hour))
	}
	if c.Inflight > 0 {
		opts = append(opts, cryptomem.WithInFlight(c.Inflight, 1<<20))
	}
	if c.Padding {
		opts = append(opts, cryptomem.WithPadding())
	}
	if c.Blind {
		opts = append(opts, cryptomem.WithBlindNames())
	}
	if u.client, err = cryptomem.Dial(context.Background(), "sim", opts...); err != nil {
		b.violate(RuleRefusal, err.Error())
	}
	return u
}

func (u *user) name() string { return fmt.Sprintf("c%d", u.index) }

func (u *user) close() {
	if u.client != nil {
		_ = u.client.Close() // always nil
	}
}

func (u *user) rotate() {
	u.primary = (u.primary + 1) % keyCount
	kr, err := sharedKeyring(u.primary)
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
type turnstile struct{ b *bubble }

// stepKey is the context's key for the step of the script that a call is.
type stepKey struct{}

// Begin implements cryptomem.Observer.
func (t turnstile) Begin(ctx context.Context, _ wire.Command) (context.Context, func(cryptomem.Outcome)) {
	step, _ := ctx.Value(stepKey{}).(int)
	t.b.gate.pass(1<<30|uint64(step), time.Time{}, nil, script.Up)
	return ctx, func(cryptomem.Outcome) {}
}

// call starts a call. Where connections may break, a user makes one call at a
// time: those that a broken connection fails would all try again at once, and
// in an order that no gate decides.
func (u *user) call(step int, a *script.Action) {
	b := u.b
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), stepKey{}, step))
	b.mu.Lock()
	defer b.mu.Unlock()
	var before chan struct{}
	if n := len(u.calls); b.faults && n > 0 {
		before = u.calls[n-1].over
	}
	b.pending++
	over := make(chan struct{})
	u.calls = append(u.calls, underway{step, cancel, over})
	b.work.Go(func() {
		defer close(over)
		defer cancel()
		if before != nil {
			<-before
		}
		op := oracle.Op{Client: u.index, Verb: a.Verb, Key: a.Key, Label: a.Value.Label, TTL: a.TTL, Call: int64(b.elapsed())}
		traced := b.noteCall(u.index, a)
		value, err := u.do(ctx, a, &op)
		op.Return = int64(b.elapsed())
		b.mu.Lock()
		defer b.mu.Unlock()
		b.pending--
		u.calls = slices.DeleteFunc(u.calls, func(c underway) bool { return c.step == step })
		well := b.failure == nil
		how := u.outcome(step, a, op, value, err)
		b.noteEnd(traced, how, well && b.failure != nil)
	})
}

// do makes the call.
func (u *user) do(ctx context.Context, a *script.Action, op *oracle.Op) (value []byte, err error) {
	if a.Verb.IsWrite() {
		u.b.mu.Lock()
		op.Version = u.versions[a.Key].number
		u.b.ledger.Sealed(a.Value.Label, a.Key, time.Time{})
		u.b.values[a.Value.Label] = a.Value
		u.b.mu.Unlock()
	}
	return request(ctx, u.client, a, op)
}

// request makes an action's call on the product's client.
func request(ctx context.Context, c *cryptomem.Client, a *script.Action, op *oracle.Op) (value []byte, err error) {
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
	case script.Touch:
		return nil, c.Touch(ctx, key, ttl)
	case script.Flush:
		op.Key = "" // names may be blind, which have no prefixes: everything goes
		_, err = c.Flush(ctx, "")
		return nil, err
	}
	return nil, c.Ping(ctx)
}

// outcome enters a call's end into the history, and returns it in words. It
// requires b.mu.
func (u *user) outcome(step int, a *script.Action, op oracle.Op, value []byte, err error) (how string) {
	b := u.b
	op.Outcome, how = classify(a.Verb, err)
	var server *cryptomem.ServerError
	switch {
	case errors.Is(err, cryptomem.ErrNotAuthentic) && !b.corrupt:
		b.fail(u.index, oracle.RuleSealed, a.String()+": an honest server's value does not open")
	case errors.As(err, &server) && !b.corrupt && b.script.Config.MaxMemory >= roomy:
		b.fail(u.index, RuleRefusal, a.String()+": "+err.Error())
	case err == nil && readsValue(a.Verb):
		how = script.Label(value)
		op.Seen = how
		if v := b.ledger.Accepted(how, a.Key, b.clk.Now(), 0); v != nil {
			b.fail(u.index, v.Rule, v.Detail)
		} else if !b.values[how].Is(value) {
			b.fail(u.index, oracle.RuleSealed, fmt.Sprintf("%v opened %d bytes that only begin like %q", a, len(value), how))
		}
	}
	if op.Outcome == oracle.Done && op.Got != 0 && step > u.versions[a.Key].step {
		u.versions[a.Key] = version{op.Got, step}
	}
	b.done = append(b.done, ended{step: step, ops: op.Attempted(b.faults), how: how})
	return how
}

// readsValue reports whether v ends with a value.
func readsValue(v script.Verb) bool {
	return v == script.Get || v == script.GetV || v == script.GetDel
}

// classify says what an error of the client claims about the operation.
func classify(v script.Verb, err error) (oracle.Outcome, string) {
	reads := v == script.Get || v == script.GetV || v == script.Ping
	switch {
	case err == nil:
		return oracle.Done, script.WantOK
	case errors.Is(err, cryptomem.ErrMaybeApplied):
		return oracle.Unknown, script.WantLost
	case errors.Is(err, cryptomem.ErrNotFound):
		return oracle.Miss, script.WantMiss
	case errors.Is(err, cryptomem.ErrExists), errors.Is(err, cryptomem.ErrChanged) && v == script.CAS:
		return oracle.Exists, script.WantExists
	case errors.Is(err, context.Canceled):
		if reads {
			return oracle.Void, script.WantUnanswered
		}
		return oracle.Void, script.WantUnsent
	}
	var server *cryptomem.ServerError
	if errors.As(err, &server) {
		return oracle.Void, script.WantError
	}
	return oracle.Void, script.WantUnsent
}
