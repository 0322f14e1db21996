package sim

import (
	"math"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A world is the state of one run: its time, its pending events, and its clients and
// servers.
type world struct {
	script  *script.Script
	options Options

	now    int64 // virtual nanoseconds
	events events
	step   int  // actions begun
	over   bool // nothing recurs any more
	window int  // bytes that a pipe holds
	byHand bool // nothing arrives until the script delivers it
	turn   int  // counts actions where many happen at one instant, by hand; else 0

	servers []*node
	server  *node // the first
	clients []*client
	raws    []*rawEnd
	conns   []*conn // those that are open
	pending int     // calls without an answer
	free    []*call

	corrupt   bool // bits may flip: what clients see proves little
	strangers bool // raw connections may write what no client can read
	stepped   bool // clients' clocks differ by more than they allow for

	values    map[string]script.Value // written so far, by label
	keys      map[string]uint8        // that each was sealed with, a bit for one
	ledger    *oracle.Ledger
	sealed    *oracle.Seal
	locks     oracle.Locks
	holders   int // of locks so far
	loads     oracle.Loads
	history   []oracle.Op
	eras      [][]oracle.Op      // of before servers were started with what they had saved
	reverted  bool               // and one was
	written   map[uint64]written // what clients sealed, by a hash of it
	executed  int
	hash      uint64
	coverage  Coverage
	failure   *Failure
	trace     *Trace
	answers   map[*script.Action]string // nil unless asked for
	frames    *strings.Builder          // nil unless they are recorded
	completed []*pipeline.Call          // of the engine that is being asked
}

func newWorld(s *script.Script, o Options) *world {
	w := &world{script: s, options: o, window: s.Config.Window, byHand: s.Config.ByHand, values: map[string]script.Value{}, keys: map[string]uint8{}, written: map[uint64]written{}, ledger: oracle.NewLedger()}
	if o.Record {
		w.trace = &Trace{}
	}
	if o.Answers {
		w.answers = map[*script.Action]string{}
	}
	w.locks.Loose = s.Config.Evict && s.Config.MaxMemory < roomy
	var names []string
	for i := range s.Actions {
		w.corrupt = w.corrupt || s.Actions[i].Verb.Corrupts()
		w.stepped = w.stepped || s.Actions[i].Verb == script.Clock
		w.locks.Loose = w.locks.Loose || s.Actions[i].Verb == script.Clock
		w.locks.Returning = w.locks.Returning || s.Actions[i].Verb.UsesDisk()
		w.strangers = w.strangers || s.Actions[i].Actor.Kind == script.Raw
		names = append(names, s.Actions[i].Key)
	}
	w.sealed = oracle.NewSeal(s.Config.Blind, names...)
	for i := range s.Config.Servers {
		w.servers = append(w.servers, newServer(w, i))
	}
	w.server = w.servers[0]
	for i := range s.Config.Clients {
		w.clients = append(w.clients, newClient(w, i+1))
	}
	for _, server := range w.servers {
		w.events.push(int64(s.Config.Janitor), rankJanitor, server.index, server.janitor)
	}
	return w
}

// play runs the script. Its actions at an instant come before the events due then.
func (w *world) play() {
	for i := range w.script.Actions {
		a := &w.script.Actions[i]
		w.runUntil(int64(a.At))
		if w.failure != nil {
			return
		}
		w.step = i + 1
		w.act(a)
	}
}

// runUntil runs every event that is due before t, and sets the time to t.
func (w *world) runUntil(t int64) {
	for w.failure == nil && len(w.events.heap) > 0 && w.events.heap[0].at < t {
		w.next()
	}
	w.now = max(w.now, t)
}

func (w *world) next() {
	e := w.events.pop()
	w.now = max(w.now, e.at)
	e.do()
}

// act lets one action happen.
func (w *world) act(a *script.Action) {
	if w.byHand {
		w.turn++
	}
	w.mix(uint64(a.Verb)<<32 | uint64(a.Actor.Index))
	if a.Verb.IsFault() || a.Actor.Kind == script.Server {
		w.note(laneOf(a.Actor), Fault, "%s", a)
	}
	switch {
	case a.Actor.Kind == script.Raw:
		w.raw(a.Actor.Index).act(a)
	case a.Actor.Kind == script.Server:
		w.befall(a)
	case a.Verb.IsCall():
		w.clients[a.Actor.Index-1].call(a)
	default:
		w.clients[a.Actor.Index-1].act(a)
	}
}

// laneOf returns whose lane shows what an actor meets: all servers share one.
func laneOf(a script.Actor) int {
	if a.Kind == script.Server {
		return 0
	}
	return a.Index
}

// befall applies an action or fault to a server.
func (w *world) befall(a *script.Action) {
	s, until := w.servers[max(a.Actor.Index, 1)-1], w.now+int64(a.TTL)
	switch {
	case a.Verb.ChangesIdentity():
		for _, each := range w.servers {
			each.tell(a)
		}
	case s.diskAct(a):
	case a.Verb == script.Unplug:
		s.unplug(until)
	case a.Verb == script.Restart:
		s.restart(until)
	case a.Verb == script.Freeze:
		s.frozen = max(s.frozen, until)
		w.cover(StateFrozen)
	case a.Verb == script.Starve:
		s.starve = max(s.starve, until)
	case a.Verb == script.Sweep:
		s.sweep(a.Count)
		w.cover(StateSwept)
	case a.Verb.IsLie() && s.liar != nil:
		s.liar.tell(a.Verb)
	}
}

// Limits of the peace after a script, in virtual time.
const (
	peace     = int64(60 * time.Second) // within which every call is answered
	farFuture = int64(10 * 365 * 24 * time.Hour)
)

// heal ends all faults and demands that everything completes: every call is
// answered, every key can be read, and the janitor gives back what has expired.
func (w *world) heal() {
	if w.failure != nil {
		return
	}
	calm := w.now // when what a frozen server held back has arrived
	for _, s := range w.servers {
		calm = max(calm, s.frozen)
		s.frozen, s.starve, s.away = 0, 0, 0
		if s.down {
			s.start()
		}
	}
	w.window = max(w.window, 64<<10)
	if w.byHand {
		w.byHand = false
		w.turn++ // what follows comes after all that the script did
	}
	for _, c := range w.conns {
		c.server.cut = false
		for _, p := range []*pipe{c.up, c.down} {
			p.stalled, p.trickles, p.flip, p.tear = 0, 0, false, false
		}
		c.client.drained()
		c.up.schedule()
		c.down.schedule()
	}
	for _, c := range w.clients {
		c.sendBatch()
	}
	w.settle()
	w.healRings(calm)
	w.readBack()
	w.settle()
	w.over = true
	w.release()
	for _, s := range w.servers {
		w.reclaim(s)
	}
}

// settle runs until no call is pending.
func (w *world) settle() {
	limit := w.now + peace
	for w.pending > 0 && w.failure == nil && w.now < limit && len(w.events.heap) > 0 {
		w.next()
	}
	if w.pending == 0 || w.failure != nil {
		return
	}
	if !w.corrupt && w.server.liar == nil {
		w.violate(RuleLiveness, "calls without an answer after %v without faults: %d", time.Duration(peace), w.pending)
		return
	}
	for len(w.conns) > 0 {
		w.conns[0].cut("out of step")
	}
}

// readBack lets the first client read every key of the script.
func (w *world) readBack() {
	seen := map[string]bool{}
	for i := range w.script.Actions {
		if key := w.script.Actions[i].Key; key != "" && !w.script.Actions[i].Verb.IsLocking() && !seen[key] && w.failure == nil {
			seen[key] = true
			w.clients[0].call(&script.Action{At: time.Duration(w.now), Actor: script.Actor{Index: 1}, Verb: script.Get, Key: key})
		}
	}
}

// release ends all connections, and demands that nothing is held for them then.
func (w *world) release() {
	if w.failure != nil {
		return
	}
	for len(w.conns) > 0 {
		w.conns[0].shut(errCut)
	}
	for _, s := range w.servers {
		s.checkMeter()
		if held := s.budget.Used(); held != 0 {
			w.violate(RuleMemory, "with all connections gone, %d bytes are held for requests in flight", held)
		}
		if held := s.cache.Stats().Memory.Transit; held != 0 {
			w.violate(RuleMemory, "with all connections gone, %d bytes of large values are on their way", held)
		}
		for lane, share := range s.shares {
			if held := share.Used(); held != 0 {
				w.violate(RuleMemory, "with all connections gone, %d bytes are held in the share of lane %d", held, lane)
			}
		}
		for _, share := range s.identities {
			if held := share.Used(); held != 0 {
				w.violate(RuleMemory, "with all connections gone, %d bytes are held in the share of an identity", held)
			}
		}
	}
}

// reclaim lets time pass until nothing is left that expires, and then counts
// what the store still holds.
func (w *world) reclaim(s *node) {
	for range 100_000 {
		if w.failure != nil {
			return
		}
		next := s.sweep(0)
		if next == math.MaxInt64 || next > farFuture {
			break
		}
		w.now = max(w.now, next)
	}
	if w.failure != nil {
		return
	}
	s.checkMemory()
	if s.registry != nil {
		s.checkAccounts()
	}
	st := s.cache.Stats()
	live := s.model.Live(s.cache.Now())
	if st.Items > live || live-st.Items > st.Evicted-s.model.Lost() {
		w.violate(RuleMemory, "with all that expires gone, the store holds %d items; there should be %d, less %d evicted", st.Items, live, st.Evicted-s.model.Lost())
	}
	if v := s.model.CheckCounts(oracle.Counts{
		Hits: st.Hits, Misses: st.Misses, Sets: st.Sets, Deleted: st.Deleted, Expired: st.Expired, Evicted: st.Evicted, Items: st.Items,
	}); v != nil {
		w.fail(v)
	}
	// Last, because the others say better what is wrong.
	if err := s.cache.Check(); err != nil {
		w.violate(RuleMemory, "with all that expires gone, the store is not as it should be: %v", err)
	}
}

// meet takes note of what a request finds at the instant of its execution.
func (s *node) meet(now int64, r *wire.Request) {
	w := s.w
	if len(r.Value) > 16<<10 {
		w.cover(StateLarge)
	}
	size, expiry, ok := s.model.Look(r.Key)
	if !ok {
		return
	}
	if r.Command == wire.Set && (expiry == 0 || now < expiry) {
		w.cover(StateOverwritten)
		if len(r.Value) > size {
			w.cover(StateGrown)
		}
	}
	if expiry == 0 {
		return
	}
	switch now - expiry {
	case -1:
		w.cover(StateBeforeExpiry)
	case 1:
		w.cover(StateAfterExpiry)
	case 0:
		w.cover(StateAtExpiry)
		switch r.Command {
		case wire.Touch:
			w.cover(StateTouchAtExpiry)
		case wire.CAS:
			w.cover(StateCASAtExpiry)
		}
	}
}

// remember adds an operation to the history.
func (w *world) remember(o oracle.Op) {
	if o.Verb == script.Flush && o.Outcome != oracle.Void {
		w.locks.Flushed(o.Key, o.Call, o.Return)
	}
	if !w.options.NoHistory {
		w.history = append(w.history, o)
	}
}

// rememberLoss adds to the history that a server lost everything. Of several, the
// others have not, and their judges expect losses anyway.
func (w *world) rememberLoss(o oracle.Op) {
	if len(w.servers) == 1 {
		w.remember(o)
	}
}

// drop forgets a connection.
func (w *world) drop(c *conn) {
	for i := range w.conns {
		if w.conns[i] == c {
			w.conns = append(w.conns[:i], w.conns[i+1:]...)
			return
		}
	}
}
