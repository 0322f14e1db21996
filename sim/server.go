package sim

import (
	"math"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/session"
)

// A node is the product's cache and handler, and what befalls them.
type node struct {
	w *world
	// index from 0.
	index int
	clk   virtualClock
	// Reading of its clock when it was started last.
	started int64
	cache   *cache.Cache
	handler *server.Handler
	model   *oracle.Model
	// Nil unless hostile.
	liar *liar
	// registry has the identities, and the fields below follow from it; nil without
	// authentication.
	registry *registry
	list     *access.List
	rights   *oracle.Rights
	accounts *oracle.Accounts
	// disk is nil where nothing is saved.
	disk  *disk
	saves *oracle.Snapshots
	past  [][]byte // files of saves
	// budget of memory in flight, and the shares of each lane and of identities.
	budget     *session.Budget
	shares     map[int]*session.Share
	identities []*session.Share
	// meter of its sessions, and what that should have counted.
	meter *session.Meter
	tally *tally
	// Connections that it serves, and those that it refuses because they are too many.
	entered, refusing int

	// Crashed, and not restarted yet.
	down bool
	// Until when no client reaches it.
	away int64
	// Until when it executes nothing.
	frozen int64
	// Until when its janitor does not run.
	starve int64
}

func newServer(w *world, index int) *node {
	s := &node{w: w, index: index, clk: virtualClock{now: &w.now, drift: int64(w.script.Config.Drift)}}
	if w.script.Config.Hostile {
		s.liar = newLiar(w.script.Seed, func(lie script.Verb, key []byte) {
			w.cover(StateLied)
			w.note(0, Fault, "server tells %v about %q", lie, key)
		})
	}
	if w.script.Config.Identities > 0 {
		s.registry = newRegistry(&w.script.Config)
	}
	if keepsSnapshots(w.script) {
		s.disk, s.saves = newDisk(w), new(oracle.Snapshots)
	}
	s.start()
	return s
}

// start begins with an empty store.
func (s *node) start() {
	c := &s.w.script.Config
	eviction := cache.EvictNone
	if c.Evict {
		eviction = cache.EvictLeastUsed
	}
	options := []cache.Option{
		cache.WithMaxMemory(int64(c.MaxMemory)), cache.WithEviction(eviction),
		cache.WithShards(c.Shards), cache.WithMaxValueSize(c.MaxValueSize),
		cache.WithHashKey([16]byte{byte(s.w.script.Seed), byte(s.w.script.Seed >> 8), 1}),
	}
	if s.registry != nil {
		options = append(options, cache.WithAccounts())
	}
	store, err := cache.New(&s.clk, options...)
	if err != nil {
		s.w.fail(&oracle.Violation{Rule: RuleRefusal, Detail: err.Error()})
		s.down = true
		return
	}
	s.down = false
	s.started = s.clk.elapsed()
	s.cache = store
	s.handler = server.NewHandler(store)
	s.handler.AllowFlush = true
	s.model = oracle.NewModel()
	s.model.MayRefuse = c.MaxMemory < roomy
	if c.Evict {
		s.model.Evicted = func() uint64 { return store.Stats().Evicted }
	}
	s.budget, s.shares, s.identities = session.NewBudget(-1), map[int]*session.Share{}, nil
	s.meter, s.tally = session.NewMeter(true), newTally()
	if c.InFlight > 0 {
		s.budget.SetLimit(int64(c.InFlight))
	}
	if s.registry != nil {
		s.enlist()
	}
	if s.disk != nil {
		s.load()
	}
}

// share returns what a lane's connections hold of the memory in flight. Over a Unix socket,
// where nobody has an address, all hold it together.
func (s *node) share(lane int) *session.Share {
	if s.w.script.Config.Unix {
		lane = 0
	}
	if s.shares[lane] == nil {
		s.shares[lane] = new(session.Share)
	}
	return s.shares[lane]
}

// roomy is a store that no script fills: what it refuses, it refuses wrongly.
const roomy = 32 << 20

// close stops the store, if there is one.
func (s *node) close() {
	if s.cache == nil {
		return
	}
	if err := s.cache.Close(); err != nil {
		s.w.fail(&oracle.Violation{Rule: RuleRefusal, Detail: err.Error()})
	}
	s.cache = nil
}

// restart loses everything.
func (s *node) restart(back int64) {
	s.cutAll("restart")
	if s.down {
		return
	}
	s.checkMeter()
	s.close()
	s.down = true
	s.w.locks.Restarted(s.clk.elapsed(), s.clk.elapsed())
	if s.disk == nil {
		s.w.rememberLoss(oracle.Op{Verb: script.Flush, Call: s.clk.elapsed(), Return: s.clk.elapsed(), Began: s.w.turn, Ended: s.w.turn, Outcome: oracle.Done})
	}
	s.w.cover(StateRestarted)
	if back <= s.w.now {
		s.start()
		return
	}
	s.w.events.push(back, rankServer, s.index, func() {
		if s.down {
			s.start()
			s.w.note(0, Fault, "server is back")
		}
	})
}

// cutAll resets all connections to the server.
func (s *node) cutAll(why string) {
	for i := 0; i < len(s.w.conns); {
		if c := s.w.conns[i]; c.node == s {
			c.cut(why)
		} else {
			i++
		}
	}
}

// unplug makes the server unreachable for a while. It keeps its items.
func (s *node) unplug(until int64) {
	s.away = max(s.away, until)
	s.cutAll("unplugged")
}

// reachable reports whether a connection can be made.
func (s *node) reachable() bool { return !s.down && s.w.now >= s.away }

// sweep runs the janitor once and returns the world time of what is due next.
func (s *node) sweep(budget int) int64 {
	if s.down {
		return math.MaxInt64
	}
	next := s.cache.Sweep(s.cache.Now(), budget)
	s.w.mix(uint64(next))
	if s.w.script.Config.MaxMemory < roomy {
		s.checkMemory()
	}
	if next == 0 {
		return math.MaxInt64
	}
	return s.worldTime(next)
}

// worldTime is when the cache's clock shows t.
func (s *node) worldTime(t int64) int64 { return s.clk.when(t - 1 + s.started) }

// janitor sweeps again and again, as the product's goroutine does, but at times
// that the script decides.
func (s *node) janitor() {
	every := max(int64(s.w.script.Config.Janitor), 1)
	if s.w.now >= s.starve && s.w.now >= s.frozen {
		s.sweep(s.w.script.Config.SweepBudget)
	} else {
		s.w.cover(StateStarved)
	}
	if !s.w.over {
		s.w.events.push(s.w.now+every, rankJanitor, s.index, s.janitor)
	}
}

// checkMeter judges the statistics of a server without connections.
func (s *node) checkMeter() {
	if s.liar == nil && s.w.failure == nil {
		s.tally.check(s.w, s.meter)
	}
}

func (s *node) checkMemory() {
	if m := s.cache.Stats().Memory.Total; m > int64(s.w.script.Config.MaxMemory) {
		s.w.violate(RuleMemory, "the store holds %d bytes, limit %d", m, s.w.script.Config.MaxMemory)
	}
}
