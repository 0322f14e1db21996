package sim

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// A userRing is the product's ring of all servers, of one user on tiers 2 and 3. It
// tells whether a request that failed was sent to any of them.
type userRing struct {
	cryptomem.Store
	// Guards sent.
	mu sync.Mutex
	// Requests under way that a server was asked.
	sent map[*cryptomem.Request]bool
}

// newUserRing makes a ring of stores with these options.
func newUserRing(u *user, opts []cryptomem.Option) (*userRing, error) {
	b := u.b
	r := &userRing{sent: map[*cryptomem.Request]bool{}}
	var servers []cryptomem.RingServer
	for _, p := range b.processes {
		store, err := cryptomem.NewServerStore(p.name(), slices.Concat(opts, u.dialing(p))...)
		if err != nil {
			return nil, err
		}
		servers = append(servers, cryptomem.RingServer{Name: p.name(), Store: &ringLink{store, u, p, r}})
	}
	c := &b.script.Config
	var err error
	r.Store, err = cryptomem.NewRing(servers, cryptomem.Failover{
		Pause: c.Pause, StandIn: c.StandIn, Prefix: []byte("everything"), Clock: &lookClock{Clock: b.clk, user: u},
	})
	return r, err
}

// Do implements cryptomem.Store.
func (r *userRing) Do(ctx context.Context, q *cryptomem.Request) error {
	_ = r.Store.Do(ctx, q) // which is in q.Err
	r.judge(q)
	return q.Err
}

// DoAll implements cryptomem.Store.
func (r *userRing) DoAll(ctx context.Context, qs []*cryptomem.Request) {
	r.Store.DoAll(ctx, qs)
	for _, q := range qs {
		r.judge(q)
	}
}

// judge makes the error of a request that no server was asked say so.
func (r *userRing) judge(q *cryptomem.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q.Err != nil && !r.sent[q] {
		q.Err = fmt.Errorf("%w: %w", errNoListener, q.Err)
	}
	delete(r.sent, q)
}

// A ringLink is a ring's store of one server.
type ringLink struct {
	cryptomem.Store
	user *user
	to   *process
	ring *userRing
}

// Do implements cryptomem.Store. What the ring asks of its own accord, a PING or a
// FLUSH, passes the gate; calls of users have passed it.
func (l *ringLink) Do(ctx context.Context, q *cryptomem.Request) error {
	if q.Command != cryptomem.CommandPing && q.Command != cryptomem.CommandFlush {
		l.asks(q)
		return l.Store.Do(ctx, q)
	}
	b, lane := l.user.b, l.user.index
	if q.Command == cryptomem.CommandPing {
		defer b.looked(l.user, l.to)
	} else {
		q.Name = nil // users have no namespace: everything is the ring's
	}
	b.gate.pass(&ticket{id: 1<<29 | uint64(l.to.index+1)<<16 | uint64(lane), lane: lane})
	return l.Store.Do(ctx, q)
}

// DoAll implements cryptomem.Store.
func (l *ringLink) DoAll(ctx context.Context, qs []*cryptomem.Request) {
	l.asks(qs...)
	l.Store.DoAll(ctx, qs)
}

func (l *ringLink) asks(qs ...*cryptomem.Request) {
	l.ring.mu.Lock()
	defer l.ring.mu.Unlock()
	for _, q := range qs {
		l.ring.sent[q] = true
	}
}

// A lookClock is what a user's ring goes by. Its tickers, one for each server in their
// order, say when the ring looks whether the server is there.
type lookClock struct {
	clock.Clock
	user  *user
	looks int
}

// A look is a ticker of a ring.
type look struct {
	user *user
	to   *process
	// When it ticks next, on tier 3, since the run began.
	at    time.Duration
	every time.Duration
	ticks chan time.Time
	// Ticks whose look is not over, on tier 3. Guarded by bubble.mu.
	due int
}

// Ticker ticks every so often. On tier 2 users do not look at the same time, but when
// those of tier 1 do; on tier 3 all look together.
func (c *lookClock) Ticker(every time.Duration) *clock.Ticker {
	b, i := c.user.b, c.looks
	c.looks++
	l := &look{user: c.user, to: b.processes[i], at: b.elapsed() + every, every: every, ticks: make(chan time.Time, 1)}
	silent := b.timers().Ticker(every)
	silent.Stop()
	silent.C = l.ticks
	if b.free == nil {
		b.tick(l, firstLook(b.script, c.user.index, i, every))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looks = append(b.looks, l)
	return silent
}

// firstLook is when a user looks at a server first, after its ring was made.
func firstLook(s *script.Script, user, server int, every time.Duration) time.Duration {
	return 1 + time.Duration(int64(script.Draw(s.Seed, uint64(user), uint64(server))%uint64(every)))
}

// WithTimeout returns a context that ends after d; on tier 3, d of the script's time.
func (c *lookClock) WithTimeout(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	b := c.user.b
	if b.free == nil {
		return b.clk.WithTimeout(parent, d)
	}
	inner, cancel := context.WithCancel(parent)
	ctx := &lateContext{Context: inner}
	go func() {
		ctx.late.Store(b.pass(inner, d) == nil)
		cancel()
	}()
	return ctx, cancel
}

// A lateContext may end because its time is over.
type lateContext struct {
	context.Context
	late atomic.Bool
}

// Err implements context.Context.
func (c *lateContext) Err() error {
	err := c.Context.Err()
	if err != nil && c.late.Load() {
		return context.DeadlineExceeded
	}
	return err
}

// timers are the clock without what tier 2 or 3 makes of it.
func (b *bubble) timers() clock.Clock {
	if b.free != nil {
		return b.free.Clock
	}
	return b.steps.Clock
}

// tick lets a ring look at a server after a while, and again and again.
func (b *bubble) tick(l *look, after time.Duration) {
	b.clk.AfterFunc(after, func() {
		b.mu.Lock()
		over := b.over
		b.mu.Unlock()
		if over {
			return
		}
		l.tick(b.clk.Now())
		b.tick(l, l.every)
	})
}

// tick lets a ring look, unless it has yet to begin with the last time.
func (l *look) tick(now time.Time) bool {
	select {
	case l.ticks <- now:
		return true
	default:
		return false
	}
}

// looked takes note that a user's ring has looked at a server.
func (b *bubble) looked(u *user, p *process) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.looks {
		if l.user == u && l.to == p && l.due > 0 {
			l.due--
		}
	}
}

// lookUntil lets the script's time pass on tier 3, from one look of the rings to the
// next.
func (b *bubble) lookUntil(t time.Duration) {
	for len(b.looks) > 0 && b.looks[0].at <= t && !b.failed() {
		b.free.advance(b.looks[0].at)
		b.returned()
		b.mu.Lock()
		for _, l := range b.looks {
			l.at += l.every
			if l.tick(b.clk.Now()) {
				l.due++
			}
		}
		b.mu.Unlock()
		b.settle()
	}
	b.free.advance(t)
}

// healRings lets time pass until every ring has to believe every server, and then every
// user read every key: none of it may be refused. All faults are over.
func (b *bubble) healRings() {
	if len(b.processes) == 1 || b.corrupt || b.failed() {
		return
	}
	calm := b.clk.Now()
	for _, p := range b.processes {
		if p.back.After(calm) {
			calm = p.back
		}
	}
	calm = calm.Add(4 * b.script.Config.Pause)
	if b.free != nil {
		b.lookUntil(calm.Sub(b.start))
		b.returned()
	} else {
		b.runUntil(calm, func() bool { return false })
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		step := len(b.script.Actions)
		for _, u := range b.users {
			for _, key := range keysOf(b.script) {
				step++
				u.readBack(step, key)
			}
		}
	})
	b.finish(&reading, never)
}

// keysOf returns the keys of a script, in order.
func keysOf(s *script.Script) (keys []string) {
	for i := range s.Actions {
		if key := s.Actions[i].Key; key != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// readBack reads a key when all faults are over.
func (u *user) readBack(step int, key string) {
	b, a := u.b, &script.Action{At: u.b.elapsed(), Actor: script.Actor{Index: u.index}, Verb: script.Get, Key: key}
	op := oracle.Op{Client: u.index, Verb: a.Verb, Key: key, Call: b.moment()}
	traced, known := b.noteCall(u.index, a), u.recall(key)
	value, err := u.do(context.WithValue(context.Background(), stepKey{}, step), a, &op)
	op.Return = b.moment()
	b.mu.Lock()
	defer b.mu.Unlock()
	well := b.failure == nil
	how := u.outcome(step, a, op, known, value, err)
	if how == script.WantUnsent || how == script.WantLost {
		b.fail(u.index, RuleLiveness, fmt.Sprintf("%v came to %q, long after all faults: %v", a, how, err))
	}
	b.noteEnd(traced, how, well && b.failure != nil)
}
