package bench

import (
	"fmt"
	"strings"
	"time"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A Protocol encodes requests of one wire protocol and recognises the answers.
// It is for load: requests are pipelined, and answers come in their order.
type Protocol interface {
	String() string
	// AppendGet appends the request for a key's value.
	AppendGet(dst, key []byte) []byte
	// AppendSet appends the request to store a value; no ttl means for good.
	AppendSet(dst, key, value []byte, ttl time.Duration) []byte
	// Parse reads the answer that b begins with and returns how many bytes it
	// took; none and no error mean that more bytes are needed. The answer's
	// text aliases b.
	Parse(b []byte) (a Answer, n int, err error)
}

// An Answer is what a server said to one request.
type Answer struct {
	Kind AnswerKind
	// The value of a hit, or the reason of a refusal.
	Text []byte
}

// An AnswerKind tells answers apart.
type AnswerKind uint8

// The kinds of answer.
const (
	Accepted AnswerKind = iota // stored, or found: the value is there
	Missing                    // no such key
	Refused                    // the server would not
)

// The protocols there are.
var (
	Cryptomem Protocol = cryptomemProtocol{}
	Memcached Protocol = memcachedProtocol{}
	Redis     Protocol = redisProtocol{}
)

var protocols = []Protocol{Cryptomem, Memcached, Redis}

// ParseProtocol returns the protocol of that name: cryptomem, memcached or
// redis.
func ParseProtocol(name string) (Protocol, error) {
	names := make([]string, 0, len(protocols))
	for _, p := range protocols {
		if p.String() == name {
			return p, nil
		}
		names = append(names, p.String())
	}
	return nil, fmt.Errorf("unknown protocol %q, there are %s", name, strings.Join(names, ", "))
}

// cryptomemProtocol speaks this project's own frames, with values unsealed.
type cryptomemProtocol struct{}

func (cryptomemProtocol) String() string { return "cryptomem" }

func (cryptomemProtocol) AppendGet(dst, key []byte) []byte {
	return appendFrame(dst, &wire.Request{Command: wire.Get, Key: key})
}

func (cryptomemProtocol) AppendSet(dst, key, value []byte, ttl time.Duration) []byte {
	return appendFrame(dst, &wire.Request{Command: wire.Set, TTL: ttl, Key: key, Value: value})
}

func appendFrame(dst []byte, r *wire.Request) []byte {
	dst, err := wire.AppendRequest(dst, r)
	if err != nil {
		// Load bounds keys and values far below what a header can say
		panic(err)
	}
	return dst
}

func (cryptomemProtocol) Parse(b []byte) (Answer, int, error) {
	r, n, err := wire.ParseResponse(b)
	a := Answer{Text: r.Value}
	switch r.Status {
	case wire.OK:
	case wire.NotFound:
		a.Kind = Missing
	default:
		a.Kind = Refused
	}
	return a, n, err
}
