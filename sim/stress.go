package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
)

// hands is how many goroutines use one client in tier 3.
const hands = 3

// Stress runs a script on tier 3: real servers and clients, whose goroutines run in
// parallel, and the real clock. It is for the race detector, which finds nothing on
// the other tiers, where one thing happens at a time. With "tcp", connections go
// through the loopback interface, else over net.Pipe.
//
// The script's times are left out, and so are faults that need them; what is
// demanded is the same. A run cannot be repeated, so Hash is 0.
func Stress(s *script.Script, network string, o Options) *Result {
	clk := clock.New() //nolint:forbidigo // the real one is what it is about
	w := &stress{script: s, clk: clk, values: map[string]script.Value{}, ledger: oracle.NewLedger()}
	w.start = w.clk.Now()
	for i := range s.Actions {
		a := &s.Actions[i]
		if a.Verb.IsWrite() {
			w.values[a.Value.Label] = a.Value
			w.ledger.Sealed(a.Value.Label, a.Key, time.Time{})
		}
		w.faults = w.faults || a.Verb == script.Cut
	}
	if err := w.run(network); err != nil {
		w.violate(RuleRefusal, "%v", err)
	}
	r := &Result{Failure: w.failure}
	var history []oracle.Op
	for _, ops := range w.ops {
		r.Ops += len(ops)
		history = append(history, ops...)
	}
	if w.failure != nil || o.NoHistory {
		return r
	}
	if v := judgeLocks(&w.locks, s, history); v != nil {
		w.violate(v.Rule, "%s", v.Detail)
		r.Failure = w.failure
		return r
	}
	w.loads.Torn = true
	if v := w.loads.Judge(history); v != nil {
		w.violate(v.Rule, "%s", v.Detail)
		r.Failure = w.failure
		return r
	}
	for _, ops := range oracle.ByKey(w.loads.History(history)) {
		v := oracle.Zones(ops)
		if v == nil && oracle.Tractable(ops) {
			v = oracle.Linearizable(ops, s.Config.Evict)
		}
		if v != nil {
			r.Failure = &Failure{Rule: v.Rule, Detail: v.Detail, Step: len(s.Actions), At: w.clk.Since(w.start)}
			break
		}
	}
	return r
}

// stress is one run of tier 3 under way.
type stress struct {
	script *script.Script
	clk    clock.Clock
	start  time.Time
	faults bool
	// Read only.
	values map[string]script.Value
	// Read only.
	ledger *oracle.Ledger
	server *server.Server
	dial   func() (net.Conn, error)

	// Guards everything below.
	mu  sync.Mutex
	ops [][]oracle.Op
	// Attempts at locks, and how many holders there were.
	locks   oracle.Locks
	loads   oracle.Loads
	holders int
	// conns of each client, the last one.
	conns   map[int]net.Conn
	failure *Failure
}

// run starts a server and lets every client go through its part of the script.
func (w *stress) run(network string) error {
	c := &w.script.Config
	eviction := cache.EvictNone
	if c.Evict {
		eviction = cache.EvictLeastUsed
	}
	var err error
	w.server, err = server.New(server.Config{
		MaxMemory: int64(c.MaxMemory), MaxValueSize: c.MaxValueSize, Eviction: eviction, AllowFlush: true, Clock: w.clk,
	})
	if err != nil {
		return err
	}
	var serving sync.WaitGroup
	if network == "tcp" {
		err = w.listen(&serving)
	} else {
		w.dial = func() (net.Conn, error) {
			client, server := net.Pipe()
			serving.Go(func() { w.server.ServeConn(server) })
			return client, nil
		}
	}
	if err == nil {
		w.conns = map[int]net.Conn{}
		var clients sync.WaitGroup
		for i := range c.Clients {
			clients.Go(func() { w.client(i + 1) })
		}
		clients.Wait()
	}
	err = errors.Join(err, w.server.Close())
	serving.Wait()
	return err
}

func (w *stress) listen(serving *sync.WaitGroup) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	serving.Go(func() {
		if err := w.server.Serve(l); !errors.Is(err, server.ErrServerClosed) {
			w.violate(RuleRefusal, "the server ends: %v", err)
		}
	})
	w.dial = func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }
	return nil
}

// client makes a client's calls from several goroutines.
func (w *stress) client(index int) {
	kr, err := sharedKeyring(0, false)
	if err != nil {
		w.violate(RuleRefusal, "no keyring: %v", err)
		return
	}
	c := &w.script.Config
	opts := []cryptomem.Option{
		cryptomem.WithKeyring(kr), cryptomem.WithClock(w.clk), cryptomem.WithSkew(time.Hour),
		cryptomem.WithAttempts(c.Attempts), cryptomem.WithMaxValueSize(c.MaxValueSize),
		cryptomem.WithDialer(func(context.Context, string) (net.Conn, error) {
			conn, err := w.dial()
			w.mu.Lock()
			defer w.mu.Unlock()
			w.conns[index] = conn
			return conn, err
		}),
	}
	if c.Padding {
		opts = append(opts, cryptomem.WithPadding())
	}
	if c.Blind {
		opts = append(opts, cryptomem.WithBlindNames())
	}
	if c.Inflight > 0 {
		opts = append(opts, cryptomem.WithInFlight(c.Inflight, 1<<20))
	}
	client, err := cryptomem.Dial(context.Background(), "stress", opts...)
	if err != nil {
		w.violate(RuleRefusal, "no client: %v", err)
		return
	}
	var working sync.WaitGroup
	for hand := range hands {
		working.Go(func() { w.hand(client, index, hand) })
	}
	working.Wait()
	// always nil
	_ = client.Close()
}

// hand makes every so many-th call of a client.
func (w *stress) hand(client *cryptomem.Client, index, hand int) {
	var ops []oracle.Op
	versions, locks := map[string]uint64{}, map[string]*held{}
	for i := range w.script.Actions {
		a := &w.script.Actions[i]
		if i%hands != hand || a.Actor != (script.Actor{Kind: script.Client, Index: index}) {
			continue
		}
		switch {
		case a.Verb.IsLoading():
			w.load(client, index, a)
		case a.Verb.IsLocking():
			w.lock(client, a, locks)
		case a.Verb.IsCall() && a.TTL >= 0:
			ctx, cancel := context.WithCancel(context.Background())
			if script.Draw(w.script.Seed, uint64(i))%32 == 0 {
				go cancel()
			}
			op := oracle.Op{
				Client: index*hands + hand, Verb: a.Verb, Key: a.Key, Label: a.Value.Label, TTL: a.TTL,
				Version: versions[a.Key], Call: int64(w.clk.Since(w.start)),
			}
			value, err := request(ctx, client, w.script.Config.Blind, a, &op)
			op.Return = int64(w.clk.Since(w.start))
			cancel()
			op.Outcome, _ = classify(a, err)
			w.accept(a, &op, value, err)
			if op.Outcome == oracle.Done && op.Got != 0 {
				versions[a.Key] = op.Got
			}
			ops = append(ops, op.Attempted(w.faults)...)
		case a.Verb == script.Cut:
			w.mu.Lock()
			// it may be closed already
			_ = w.conns[index].Close()
			w.mu.Unlock()
		case a.Verb == script.Sweep:
			w.server.Cache().Sweep(w.server.Cache().Now(), a.Count)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ops = append(w.ops, ops)
}

// accept checks what a user can check alone.
func (w *stress) accept(a *script.Action, op *oracle.Op, value []byte, err error) {
	var server *cryptomem.ServerError
	switch {
	case errors.Is(err, cryptomem.ErrNotAuthentic):
		w.violate(oracle.RuleSealed, "%v: an honest server's value does not open", a)
	case errors.As(err, &server) && w.script.Config.MaxMemory >= roomy:
		w.violate(RuleRefusal, "%v: %v", a, err)
	case err == nil && readsValue(a.Verb):
		op.Seen = script.Label(value)
		if v := w.ledger.Accepted(op.Seen, a.Key, w.clk.Now(), 0); v != nil {
			w.violate(v.Rule, "%s", v.Detail)
		} else if !w.values[op.Seen].Is(value) {
			w.violate(oracle.RuleSealed, "%v opened %d bytes that only begin like %q", a, len(value), op.Seen)
		}
	}
}

func (w *stress) violate(rule, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure == nil {
		w.failure = &Failure{Rule: rule, Detail: fmt.Sprintf(format, args...), At: w.clk.Since(w.start)}
	}
}
