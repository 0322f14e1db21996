package bench

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A Load says which requests to send to a target, and how fast. A zero field means
// its default, if it has one.
type Load struct {
	// Connections in use at once; default 1.
	Connections int
	// Depth is how many requests are in flight on each; default 1.
	Depth int

	// Rate is how many requests fall due each second, over all connections. 0
	// means a closed loop: each connection sends when the last is answered.
	Rate float64

	// Warmup is how long requests are sent before they are measured.
	Warmup time.Duration
	// Duration is how long they are measured; it must be set.
	Duration time.Duration

	// Keys is how many keys there are, all picked equally often; default 100,000.
	Keys int
	// KeySize in bytes; default 24.
	KeySize int
	// ValueSize in bytes.
	ValueSize int
	// TTL of what is stored; 0 means no expiry.
	TTL time.Duration
	// Gets is the share of GET among the requests, from 0 to 1; the rest is SET.
	Gets float64
	// Fill stores every key first, so that every GET hits.
	Fill bool
	// Reconnect has each batch of requests on a connection of its own; for raw
	// targets.
	Reconnect bool
	// Seed of which keys are picked: the same seed, the same requests.
	Seed uint64

	// Patience is how long the last answers may take after the run; default 5 s.
	Patience time.Duration
}

// Bounds of a Load.
const (
	MaxWorkers   = 1 << 16   // connections, or for a sealed target connections × depth
	MaxDepth     = 1 << 16   // requests on one connection
	MaxKeySize   = 250       // bytes, which is memcached's limit
	MaxValueSize = 512 << 20 // bytes, which is Redis' limit
	minKeySize   = 9         // "k" and eight digits
	maxKeys      = 100_000_000
	maxRate      = 1e9 // requests a second
)

// A LoadError says which field of a Load is out of its bounds.
type LoadError struct {
	// Field in words, such as "key size".
	Field string
	// Problem goes on after it, such as "is 3 bytes; allowed: 9 to 250".
	Problem string
}

func (e *LoadError) Error() string { return e.Field + " " + e.Problem }

// Check returns a *LoadError for a load that Run refuses.
func (l Load) Check() error {
	_, err := l.withDefaults()
	return err
}

func (l Load) withDefaults() (Load, error) {
	setDefault(&l.Connections, 1)
	setDefault(&l.Depth, 1)
	setDefault(&l.Keys, 100_000)
	setDefault(&l.KeySize, 24)
	setDefault(&l.Patience, 5*time.Second)
	for _, bound := range []struct {
		field           string
		value, min, max int
		unit            string
	}{
		{"connections", l.Connections, 1, MaxWorkers, ""},
		{"depth", l.Depth, 1, MaxDepth, ""},
		{"keys", l.Keys, 1, maxKeys, ""},
		{"key size", l.KeySize, minKeySize, MaxKeySize, " bytes"},
		{"value size", l.ValueSize, 0, MaxValueSize, " bytes"},
	} {
		if bound.value < bound.min || bound.value > bound.max {
			return l, &LoadError{bound.field, fmt.Sprintf("is %d%s; allowed: %d to %d", bound.value, bound.unit, bound.min, bound.max)}
		}
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"warmup", l.Warmup}, {"TTL", l.TTL}, {"patience", l.Patience}} {
		if d.value < 0 {
			return l, &LoadError{d.field, fmt.Sprintf("is %v; it must not be negative", d.value)}
		}
	}
	switch {
	case l.Duration <= 0:
		return l, &LoadError{"duration", fmt.Sprintf("is %v; it must be greater than 0", l.Duration)}
	case !(l.Rate >= 0 && l.Rate <= maxRate):
		return l, &LoadError{"rate", fmt.Sprintf("is %g requests a second; allowed: 0 to %g", l.Rate, float64(maxRate))}
	case !(l.Gets >= 0 && l.Gets <= 1):
		return l, &LoadError{"share of GET", fmt.Sprintf("is %g; allowed: 0 to 1", l.Gets)}
	}
	return l, nil
}

func setDefault[T comparable](field *T, value T) {
	if *field == *new(T) {
		*field = value
	}
}

// An op is one request of the load and what became of it.
type op struct {
	// Get or Set.
	command wire.Command
	key     int
	// due is when it should be sent, in nanoseconds since the run began.
	due    int64
	answer AnswerKind
	// err is why there is no proper answer.
	err error
}

// A workload draws requests, and makes their keys and values.
type workload struct {
	load   Load
	random *rand.Rand
	// value is stored under every key.
	value []byte
}

// newWorkload returns the requests of one worker, which are its own.
func newWorkload(l Load, worker int, value []byte) *workload {
	return &workload{load: l, random: rand.New(rand.NewPCG(l.Seed, uint64(worker))), value: value} //nolint:gosec // load, not secrets
}

func (w *workload) draw(o *op) {
	*o = op{command: wire.Set, key: w.random.IntN(w.load.Keys)}
	if w.random.Float64() < w.load.Gets {
		o.command = wire.Get
	}
}

// appendKey appends the i-th key: a "k", zeros and the number, all of one size.
func (w *workload) appendKey(dst []byte, i int) []byte {
	start := len(dst)
	dst = append(dst, 'k')
	for range w.load.KeySize - 1 {
		dst = append(dst, '0')
	}
	for at := len(dst) - 1; i > 0 && at > start; at-- {
		dst[at] = byte('0' + i%10)
		i /= 10
	}
	return dst
}

// newValue returns the value that every key of a load has: noise, so that
// nothing on the way can make it shorter.
func newValue(l Load) []byte {
	value := make([]byte, l.ValueSize)
	random := rand.New(rand.NewPCG(l.Seed, 1<<63)) //nolint:gosec // load, not secrets
	for i := range value {
		value[i] = byte(random.Uint32())
	}
	return value
}
