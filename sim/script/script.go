package script

import (
	"slices"
	"time"
)

// A Script is one whole run: the seed of its draws, the world it runs in and
// what happens there.
type Script struct {
	Title   []string // what it shows, a line each
	Seed    uint64
	Config  Config
	Actions []Action // in order of time
}

// Config describes the world a script runs in.
type Config struct {
	Clients int // connections of the product's client
	Servers int // that share the keys

	Identities  int // u1 to uN that clients take turns in using; 0: no authentication
	Connections int // of each client to each server
	Each        int // connections that an identity may have; 0: any number

	MaxConnections int           // that a server has open at once; 0: as many as come
	AuthTimeout    time.Duration // to authenticate in, from the start of a connection; zero means the product's default
	InFlight       int           // bytes that requests on their way and unread answers may hold; 0: any number

	Pause   time.Duration // until stand-ins are used for a server, and until it is believed again; zero means never
	StandIn time.Duration // the longest TTL of what a stand-in is given

	Delay    Range // that a chunk of bytes is on its way
	Fragment Count // bytes of a chunk; zero means as they were written
	Window   int   // bytes that a link holds in each direction

	MaxMemory    int           // bytes of the store
	Evict        bool          // whether a full store evicts, or refuses writes
	Shards       int           // of the store
	MaxValueSize int           // bytes
	Janitor      time.Duration // between two runs of the janitor
	SweepBudget  int           // segments a run of the janitor may visit
	Drift        int           // of the server's clock, in parts per million

	Deadline time.Duration // for an answer; zero means for ever
	Inflight int           // unanswered calls that a connection allows; zero means the product's default
	Attempts int           // that a client makes at most at a call, where calls are the product's (tiers 2 and 3)
	Padding  bool          // of values
	Blind    bool          // names
	Hostile  bool          // the server may lie: only what clients can detect is expected
	Unix     bool          // clients and servers are on one machine, and use a Unix socket
	Kernel   int           // that the server of tier 2 runs on, by its number; zero means pipes, if nothing else is said
	ByHand   bool          // nothing arrives until the script delivers it

	ClockBound time.Duration // by how much clients take any two clocks to differ
	WriteDelay time.Duration // how long they take a write to be on its way
}

// Range is a span of time, both ends included.
type Range struct{ Min, Max time.Duration }

// Count is a span of numbers, both ends included.
type Count struct{ Min, Max int }

// DefaultConfig is the world of a script that does not say otherwise: one
// client, a network that delivers at once and whole, and memory enough.
func DefaultConfig() Config {
	return Config{
		Clients:      1,
		Servers:      1,
		Connections:  1,
		ClockBound:   5 * time.Second,
		WriteDelay:   55 * time.Second,
		StandIn:      time.Second,
		Window:       64 << 10,
		MaxMemory:    64 << 20,
		Shards:       2,
		MaxValueSize: 1 << 20,
		Janitor:      10 * time.Millisecond,
		SweepBudget:  64,
		Attempts:     1,
	}
}

// OneTier reports whether the script can run on tier 1 only.
func (s *Script) OneTier() bool {
	c := &s.Config
	if c.ByHand || c.Connections > 1 || c.Servers > 1 && (c.Identities > 0 || c.MaxConnections > 0) || c.Kernel > 0 && s.PipesOnly() {
		return true
	}
	return slices.ContainsFunc(s.Actions, func(a Action) bool { return verbs[a.Verb].oneTier || c.Servers > 1 && verbs[a.Verb].oneServer })
}

// PipesOnly reports whether the servers of such a world cannot run on a simulated
// kernel: that has one server.
func (s *Script) PipesOnly() bool { return s.Config.Servers > 1 }

// Clone returns a copy that shares no slice of actions with s.
func (s *Script) Clone() *Script {
	c := *s
	c.Actions = append([]Action(nil), s.Actions...)
	return &c
}

// Ends returns the time of the last action.
func (s *Script) Ends() time.Duration {
	if len(s.Actions) == 0 {
		return 0
	}
	return s.Actions[len(s.Actions)-1].At
}
