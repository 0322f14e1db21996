package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// A process is one of the product's servers on tiers 2 and 3, and what befalls it.
type process struct {
	b *bubble
	// index from 0.
	index int
	clk   *machineClock

	// Guarded by bubble.mu:

	// Nil while it is not there.
	server *server.Server
	// When it is started again.
	back time.Time
	// Until when it does nothing.
	frozen time.Time
	// Until when no user reaches it.
	away  time.Time
	conns []*gatedConn
	// Connections that each lane has made.
	dials map[int]uint64
}

func newProcess(b *bubble, index int) *process {
	return &process{
		b: b, index: index, dials: map[int]uint64{},
		clk: &machineClock{Clock: b.clk, start: b.start, drift: int64(b.script.Config.Drift)},
	}
}

// name is what the other side of a connection calls it.
func (p *process) name() string { return fmt.Sprint("server", p.index+1) }

// open starts a server with an empty store.
func (p *process) open() {
	b := p.b
	c := &b.script.Config
	eviction := cache.EvictNone
	if c.Evict {
		eviction = cache.EvictLeastUsed
	}
	config := server.Config{
		MaxMemory: int64(c.MaxMemory), MaxValueSize: c.MaxValueSize, Eviction: eviction, MaxInFlight: int64(c.InFlight),
		MaxConnections: c.MaxConnections, AuthTimeout: c.AuthTimeout,
		AllowFlush: true, Clock: p.clk, HashKey: &[16]byte{byte(b.script.Seed), 2},
	}
	var err error
	if b.door != nil {
		b.mu.Lock()
		config.Authenticator, err = b.door.enlist()
		b.mu.Unlock()
		if err != nil {
			b.violate(RuleRefusal, err.Error())
		}
	}
	b.shell.configure(&config)
	srv, err := server.New(config)
	if err != nil {
		b.violate(RuleRefusal, err.Error())
		return
	}
	b.mu.Lock()
	p.server = srv
	b.shell.serve(srv)
	b.mu.Unlock()
}

// dial connects a user to the server.
func (p *process) dial(lane int) (net.Conn, error) {
	b := p.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.server == nil || p.away.After(b.clk.Now()) && !b.healed {
		return nil, errNoListener
	}
	client, server := p.connect(lane)
	serve := p.server.ServeConn
	var end net.Conn = server
	if b.liar != nil {
		end = &lyingConn{Conn: server, liar: b.liar}
	}
	if b.shell == nil {
		b.work.Go(func() { serve(end) })
	} else if err := b.shell.connect(end, server, lane); err != nil {
		return nil, errNoListener
	}
	p.conns = append(p.conns, client)
	return &promptConn{gatedConn: client}, nil
}

// conn returns the lane's connection made last, nil if it has none. It requires
// bubble.mu.
func (p *process) conn(lane int) *gatedConn {
	for i := len(p.conns) - 1; i >= 0; i-- {
		if p.conns[i].lane == lane {
			return p.conns[i]
		}
	}
	return nil
}

// isBehind reports whether a server has yet to notice that a connection has been made, has
// ended or has sent something, where that matters. It requires b.mu.
func (b *bubble) isBehind() bool {
	if c := &b.script.Config; c.MaxConnections == 0 && c.AuthTimeout == 0 && c.InFlight == 0 {
		return false
	}
	return slices.ContainsFunc(b.raws, func(r *rawUser) bool { return r.unsent.Load() > 0 }) ||
		slices.ContainsFunc(b.processes, (*process).isBehind)
}

// isBehind requires bubble.mu.
func (p *process) isBehind() bool {
	open, busy := 0, false
	for _, c := range p.conns {
		if !isOver(c.closed) {
			open++
			busy = busy || c.other.room.Load() == 0 // it does not wait for more
		}
	}
	return p.server != nil && (busy || p.server.Stats().Connections != open)
}

// befall lets something happen to the server.
func (p *process) befall(a *script.Action, until time.Time) {
	b := p.b
	switch {
	case a.Verb.ChangesIdentity():
		b.tell(a)
	case a.Verb == script.Restart:
		p.restart(a.TTL)
	case a.Verb == script.Unplug:
		b.mu.Lock()
		p.away = until
		conns := p.conns
		p.conns = nil
		b.mu.Unlock()
		for _, c := range conns {
			c.reset()
		}
	case a.Verb == script.Freeze:
		b.mu.Lock()
		p.frozen = until
		b.mu.Unlock()
	case a.Verb == script.Starve:
		p.clk.idle.Store(int64(b.elapsed() + a.TTL))
	case a.Verb == script.Sweep:
		b.mu.Lock()
		if p.server != nil {
			store := p.server.Cache()
			store.Sweep(store.Now(), a.Count)
		}
		b.mu.Unlock()
	case a.Verb.IsLie() && b.liar != nil:
		b.liar.mu.Lock()
		b.liar.tell(a.Verb)
		b.liar.mu.Unlock()
	}
}

// restart loses everything that the server has. If it is one of several, the history
// does not say so: the others have lost nothing, and judges expect losses anyway.
func (p *process) restart(back time.Duration) {
	b := p.b
	b.mu.Lock()
	server, conns := p.server, p.conns
	until := b.clk.Now().Add(back)
	p.server, p.conns, p.back = nil, nil, until
	b.shell.stop(true)
	now := b.moment()
	told := server != nil && len(b.processes) == 1
	if told {
		b.done = append(b.done, ended{ops: []oracle.Op{{Verb: script.Flush, Call: now, Return: oracle.Never, Outcome: oracle.Unknown}}})
	}
	at := len(b.done) - 1
	b.mu.Unlock()
	for _, c := range conns {
		c.reset()
	}
	if server == nil {
		return
	}
	b.work.Go(func() {
		err := server.Close()
		if err != nil && !errors.Is(err, context.Canceled) {
			b.violate(RuleRefusal, "the server does not close: "+err.Error())
		}
		if b.free != nil {
			b.until(until)
		} else {
			b.clk.Sleep(back + 1)
		}
		if told {
			b.mu.Lock()
			op := &b.done[at].ops[0]
			op.Outcome, op.Return = oracle.Done, b.moment()
			b.mu.Unlock()
		}
		p.open()
	})
}

// timeLeft is for how long the server keeps a name yet, 0 if it has it not or for
// ever. It requires bubble.mu.
func (p *process) timeLeft(name []byte) time.Duration {
	if p.server == nil {
		return 0
	}
	store := p.server.Cache()
	_, info, _ := store.GetAppend(store.Now(), nil, name)
	return info.TTL
}
