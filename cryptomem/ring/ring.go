// Package ring says which of several servers a name belongs to, and which one
// stands in while that one is away. It sends nothing and keeps no values: the caller
// asks the servers, and tells it how that went.
//
// # Which server
//
// Rendezvous hashing (Thaler and Ravishankar, 1998): each server has a score for
// each name, and the name belongs to the server with the highest. Scores depend on
// the server's own name and weight and on nothing else, so a server that is added
// takes its share of the names from all others, and none of the rest move. All
// clients that name the same servers agree, in whatever order they name them.
//
//	score = weight / -ln(u)    u in (0, 1), from mix(xxhash64(name) xor xxhash64(server))
//
// mix is the finalizer of SplitMix64. An attacker who chooses names can choose them so that
// they all belong to one server; blind names take that choice away.
//
// # Who stands in
//
// With a Failover, a server from which no answer came for a pause is away, and its
// names go to the next in the order of their scores. Before that they go nowhere, so
// that no client asks the server when another one may have a stand-in for it. When it
// answers again, its names go nowhere for the length of the pause. By then every
// client has seen it back and none uses a stand-in for it any more; what it holds from
// before is removed (Due), and only then it is believed. What a stand-in was given
// ends with a short TTL, and the server does not count as away again before that is
// over.
package ring

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
)

// MaxServers is how many servers a ring may have.
const MaxServers = 64

// A Server is one of a ring.
type Server struct {
	// Decides, with Weight, which names are its own.
	Name string
	// Its share, relative to the others'; 0 means 1.
	Weight float64
}

// A Failover says when others stand in for a server. All clients that share
// values must have the same.
type Failover struct {
	// Pause is for how long a server must not have answered to be away, and for
	// how long it must have answered to be believed again. 0 means that no
	// server ever stands in.
	Pause time.Duration

	// StandIn is the longest TTL of what a stand-in is given.
	StandIn time.Duration
}

// A Ring places names on servers. It is safe for concurrent use; Place takes no
// lock and allocates nothing.
type Ring struct {
	servers []Server
	// Hashes of the servers' names.
	seeds    []uint64
	equal    bool // weights
	failover Failover

	now func() time.Time
	// states has the State of each server.
	states []atomic.Uint32
	// Guards members, and changes of states.
	mu sync.Mutex
	members
}

// New returns a ring of the servers, and takes all of them to be up. now tells the
// time; it is only asked for with a Failover.
func New(servers []Server, f Failover, now func() time.Time) (*Ring, error) {
	if n := len(servers); n == 0 || n > MaxServers {
		return nil, fmt.Errorf("%d servers do not make a ring, limits 1 and %d", n, MaxServers)
	}
	if f.Pause < 0 || f.StandIn < 0 || f.Pause > 0 && f.StandIn == 0 {
		return nil, fmt.Errorf("failover: pause %v and stand-in TTL %v must be positive", f.Pause, f.StandIn)
	}
	r := &Ring{
		servers: append([]Server(nil), servers...), equal: true, failover: f, now: now,
		states: make([]atomic.Uint32, len(servers)), members: make(members, len(servers)),
	}
	seen := map[string]bool{}
	for i := range r.servers {
		s := &r.servers[i]
		if s.Weight == 0 {
			s.Weight = 1
		}
		switch {
		case s.Name == "":
			return nil, errors.New("a server of a ring has no name")
		case seen[s.Name]:
			return nil, fmt.Errorf("two servers of a ring are named %q", s.Name)
		case !(s.Weight > 0) || math.IsInf(s.Weight, 1):
			return nil, fmt.Errorf("server %q: weight %v is not positive", s.Name, s.Weight)
		}
		seen[s.Name] = true
		r.seeds = append(r.seeds, xxhash.Sum64String(s.Name))
		r.equal = r.equal && s.Weight == r.servers[0].Weight
	}
	if f.Pause > 0 {
		for i := range r.members {
			r.members[i].stood = now()
		}
	}
	return r, nil
}

// Servers returns the servers, in the order that they were given in. It is not to
// be changed.
func (r *Ring) Servers() []Server { return r.servers }

// Failover returns what the ring was made with.
func (r *Ring) Failover() Failover { return r.failover }

// Home returns which server the name belongs to.
func (r *Ring) Home(name []byte) int { return r.highest(xxhash.Sum64(name), 0) }

// Place returns which server is to be asked for the name now, and whether that is
// the one it belongs to. There is none, and server is -1, while the one it belongs
// to, or one that stands in for it, is not known to be up or away, see State; or when
// one that is away has not been checked for so long that it may be back.
func (r *Ring) Place(name []byte) (server int, home bool) {
	hash := xxhash.Sum64(name)
	for skip := uint64(0); ; {
		i := r.highest(hash, skip)
		if i < 0 {
			// all are away
			return -1, false
		}
		switch State(r.states[i].Load()) {
		case Up:
			return i, skip == 0
		case Doubted:
			if !r.worthTrying(i) {
				return -1, false
			}
			return i, skip == 0
		case Away:
			if !r.surelyAway(i) {
				return -1, false
			}
			skip |= 1 << i
		default:
			return -1, false
		}
	}
}

// highest returns the server with the highest score of those that are not to be
// skipped, a bit each; -1 if all are.
func (r *Ring) highest(hash, skip uint64) int {
	best := -1
	if r.equal { // where the score grows with its hash
		var most uint64
		for i, seed := range r.seeds {
			if h := mix(hash ^ seed); skip&(1<<i) == 0 && (best < 0 || h > most) {
				best, most = i, h
			}
		}
		return best
	}
	most := 0.0
	for i, seed := range r.seeds {
		if skip&(1<<i) != 0 {
			continue
		}
		if s := r.servers[i].Weight / -math.Log(unit(mix(hash^seed))); best < 0 || s > most {
			best, most = i, s
		}
	}
	return best
}

// unit returns a number between 0 and 1, neither included.
func unit(h uint64) float64 { return (float64(h>>11) + 0.5) / (1 << 53) }

// mix makes every bit depend on every other one (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
