package keyspace

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/value"
)

// Defaults of a Config.
const (
	DefaultTimeout  = 5 * time.Second
	DefaultAttempts = 64
)

// A Config says how a Space works. Zero fields mean the defaults; Clock and
// Upstream must be set.
type Config struct {
	Upstream Upstream
	Clock    clock.Clock
	// Timeout of one command, with all its attempts.
	Timeout time.Duration
	// Attempts of one change.
	Attempts int
}

// A Space is the names of one database. It is safe for concurrent use.
type Space struct {
	config Config
	seed   maphash.Seed
	shards [shards]shard

	lost      atomic.Int64
	coalesced atomic.Int64
}

// shards is how many locks the queues of changes are spread over.
const shards = 64

type shard struct {
	mu     sync.Mutex
	queues map[string]*changeQueue
}

// New returns a Space.
func New(c Config) *Space {
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Attempts == 0 {
		c.Attempts = DefaultAttempts
	}
	s := &Space{config: c, seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i].queues = make(map[string]*changeQueue)
	}
	return s
}

// Stats counts what a Space did.
type Stats struct {
	// Changes that went along with another one.
	Coalesced int64 `json:"coalesced"`
	// Swaps that came too late and were done again.
	Lost int64 `json:"lost"`
}

// Stats returns the counts so far.
func (s *Space) Stats() Stats { return Stats{Coalesced: s.coalesced.Load(), Lost: s.lost.Load()} }

// Upstream returns what the Space stands on.
func (s *Space) Upstream() Upstream { return s.config.Upstream }

// Now returns the time in Unix milliseconds.
func (s *Space) Now() int64 { return s.config.Clock.Now().UnixMilli() }

// WithTimeout returns a context that ends with the time that a command has.
func (s *Space) WithTimeout() (context.Context, context.CancelFunc) {
	return s.config.Clock.WithTimeout(context.Background(), s.config.Timeout)
}

// EntryOf makes e what the answer r to a Get or Look found. ErrNotFound is an
// answer: nothing.
func EntryOf(r *Request, e *value.Entry) error {
	*e = value.Entry{}
	if errors.Is(r.Err, ErrNotFound) {
		return nil
	}
	if r.Err != nil {
		return r.Err
	}
	v, err := value.Decode(r.Value)
	if err != nil {
		return err
	}
	e.Value, e.Expires = v, r.Expires
	return nil
}

const longAgo = 1

// Store makes r the request that stores the changed entry in the place of what
// has the version, 0 being nothing. It returns false if nothing is to be done.
func Store(r *Request, name []byte, e *value.Entry, version uint64) bool {
	*r = Request{Kind: Swap, Name: name, Version: version, Expires: e.Expires}
	switch {
	case !e.Exists() && version == 0:
		return false
	case !e.Exists():
		// A removal that must not hit anything newer is a swap for what has
		// expired already, by any clock.
		r.Expires = longAgo
		return true
	case version == 0:
		r.Kind = Add
	}
	// the entry may refer to what r had
	r.Value = e.Append(nil)
	return true
}
