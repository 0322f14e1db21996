package sim

import (
	"math"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport"
)

// A server is the product's cache and handler, and what befalls them.
type server struct {
	w       *world
	clk     virtualClock
	started int64 // reading of its clock when it was started last
	cache   *cache.Cache
	handler *cryptomem.Handler
	model   *oracle.Model
	liar    *liar // nil unless hostile

	down   bool  // crashed, and not up yet
	frozen int64 // until when it executes nothing
	starve int64 // until when its janitor does not run
}

func newServer(w *world) *server {
	s := &server{w: w, clk: virtualClock{now: &w.now, drift: int64(w.script.Config.Drift)}}
	if w.script.Config.Hostile {
		s.liar = newLiar(w)
	}
	s.start()
	return s
}

// start begins with an empty store.
func (s *server) start() {
	c := &s.w.script.Config
	eviction := cache.EvictNone
	if c.Evict {
		eviction = cache.EvictLeastUsed
	}
	store, err := cache.New(&s.clk,
		cache.WithMaxMemory(int64(c.MaxMemory)), cache.WithEviction(eviction),
		cache.WithShards(c.Shards), cache.WithMaxValueSize(c.MaxValueSize),
		cache.WithHashKey([16]byte{byte(s.w.script.Seed), byte(s.w.script.Seed >> 8), 1}))
	if err != nil {
		s.w.fail(&oracle.Violation{Rule: RuleRefusal, Detail: err.Error()})
		s.down = true
		return
	}
	s.down = false
	s.started = s.clk.elapsed()
	s.cache = store
	s.handler = cryptomem.NewHandler(store)
	s.handler.AllowFlush = true
	s.model = oracle.NewModel()
	s.model.MayRefuse = c.MaxMemory < roomy
	if c.Evict {
		s.model.Evicted = func() uint64 { return store.Stats().Evicted }
	}
}

// roomy is a store that no script fills: what it refuses, it refuses wrongly.
const roomy = 32 << 20

// close stops the store, if there is one.
func (s *server) close() {
	if s.cache == nil {
		return
	}
	if err := s.cache.Close(); err != nil {
		s.w.fail(&oracle.Violation{Rule: RuleRefusal, Detail: err.Error()})
	}
	s.cache = nil
}

// restart loses everything.
func (s *server) restart(back int64) {
	for len(s.w.conns) > 0 {
		s.w.conns[0].cut("restart")
	}
	if s.down {
		return
	}
	s.close()
	s.down = true
	s.w.remember(oracle.Op{Verb: script.Flush, Call: s.clk.elapsed(), Return: s.clk.elapsed(), Outcome: oracle.Done})
	s.w.cover(StateRestarted)
	if back <= s.w.now {
		s.start()
		return
	}
	s.w.events.push(back, rankServer, 0, func() {
		if s.down {
			s.start()
			s.w.note(0, Fault, "server is back")
		}
	})
}

// sweep runs the janitor once and returns the world time of what is due next.
func (s *server) sweep(budget int) int64 {
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
func (s *server) worldTime(t int64) int64 { return s.clk.when(t - 1 + s.started) }

// janitor sweeps again and again, as the product's goroutine does, but at times
// that the script decides.
func (s *server) janitor() {
	every := max(int64(s.w.script.Config.Janitor), 1)
	if s.w.now >= s.starve && s.w.now >= s.frozen {
		s.sweep(s.w.script.Config.SweepBudget)
	} else {
		s.w.cover(StateStarved)
	}
	if !s.w.over {
		s.w.events.push(s.w.now+every, rankJanitor, 0, s.janitor)
	}
}

func (s *server) checkMemory() {
	if m := s.cache.Stats().Memory.Total; m > int64(s.w.script.Config.MaxMemory) {
		s.w.violate(RuleMemory, "the store holds %d bytes, limit %d", m, s.w.script.Config.MaxMemory)
	}
}

// A serverEnd is the server's end of a connection. It is the Handler of its
// session, between it and the product's: here every request meets the model at
// the moment of its execution.
type serverEnd struct {
	w       *world
	conn    *conn
	session *transport.Session
	answers []uint64 // hashes of the answers given, in order
	backlog bool     // answers wait for room in the pipe
	noMore  bool     // the client sends no more
	cut     bool     // the connection dies before the next answer is out
}

// receive hands bytes to the session and lets it execute. While answers wait
// it takes nothing, which is how a client that does not read is held back.
func (e *serverEnd) receive(b []byte) (n int) {
	for n < len(b) && !e.backlog && !e.conn.gone {
		buffer := e.session.Buffer()
		if len(buffer) == 0 {
			return len(b) // the session has failed; nobody reads this any more
		}
		got := copy(buffer, b[n:])
		e.session.Received(got)
		n += got
		e.run()
	}
	if !e.conn.gone {
		// The product's shell does so before it waits for more.
		if script.Draw(e.w.script.Seed, uint64(e.w.now))&1 == 0 {
			e.session.Release()
		}
		if _, partial := e.session.Begun(); partial {
			e.w.cover(StatePartialFrame)
		}
	}
	return n
}

// run executes and sends until nothing is left to do.
func (e *serverEnd) run() {
	for {
		err := e.session.Execute(e.w.server.cache.Now())
		pending := e.session.Pending()
		if len(pending) == 0 {
			if err != nil || e.noMore {
				e.conn.down.close()
			}
			return
		}
		if e.cut {
			e.w.cover(StateCutAnswer)
			e.conn.cut("before the answer")
			return
		}
		for _, b := range pending {
			n := e.conn.down.send(b)
			e.session.Sent(n)
			if n < len(b) {
				if !e.backlog {
					e.w.cover(StateBackpressure)
				}
				e.backlog = true
				return
			}
		}
	}
}

func (e *serverEnd) drained() {
	if !e.backlog || e.conn.gone || e.conn.down.room() == 0 {
		return
	}
	if e.w.now < e.w.server.frozen {
		e.w.events.push(e.w.server.frozen, rankServer, e.conn.lane, e.drained)
		return
	}
	e.backlog = false
	e.run()
	if !e.backlog && !e.conn.gone {
		e.conn.up.unblock()
	}
}

func (e *serverEnd) ended() {
	e.noMore = true
	e.w.cover(StateHalfClosed)
	if !e.backlog {
		e.run()
	}
}

func (e *serverEnd) lost(error) {
	if _, partial := e.session.Begun(); partial {
		e.w.cover(StateCutPartial)
	}
	if e.backlog {
		e.w.cover(StateCutBacklog)
	}
	e.session.Close()
}

// Handle executes one request with the product's handler and asks the model
// whether the answer is right.
func (e *serverEnd) Handle(now int64, dst []byte, r *transport.Request) []byte {
	w, s := e.w, e.w.server
	start := len(dst)
	w.meet(now, r)
	dst = s.handler.Handle(now, dst, r)
	a, n, err := transport.ParseResponse(dst[start:])
	if err != nil || n != len(dst)-start {
		w.violate(oracle.RuleModel, "%v %q was answered with %d bytes that are not one frame", r.Command, r.Key, len(dst)-start)
		return dst
	}
	w.executed++
	w.mix(uint64(now)<<8 ^ uint64(r.Command)<<4 ^ uint64(a.Status))
	w.noteExecuted(e.conn.lane, r, a)
	if a.Status == transport.Error {
		w.cover(StateRefused)
	}
	lost := s.model.Lost()
	if v := s.model.Check(now, r, a); v != nil {
		w.fail(v)
		return dst
	}
	if s.model.Lost() > lost {
		w.cover(StateEvicted)
		if r.Command == transport.CAS {
			w.cover(StateCASEvicted)
		}
	}
	if s.liar != nil {
		return s.liar.answer(dst, start, r, a)
	}
	e.answers = append(e.answers, answerHash(a))
	return dst
}

func answerHash(a transport.Response) uint64 { return hashBytes(uint64(a.Status), a.Value) }
