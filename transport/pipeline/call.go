package pipeline

import "time"

import (
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A Call is one request in an Engine, and the answer that it came back with. The zero
// value with a Request is ready to submit; after it is complete, a Call may be used
// again. Between Submit and completion it belongs to the engine: only Cancel may be
// called with it.
type Call struct {
	// Request is encoded by Submit, which keeps nothing of it.
	Request wire.Request

	// Renewer, if not nil, remakes Request once a call that waited for room has it:
	// a request may contain something that gets old, such as a time.
	Renewer Renewer

	// Buffer receives the answer's value; a larger one is allocated if it is too
	// small. A call that is cancelled while its answer arrives leaves Buffer nil: the
	// engine keeps reading into the old one.
	Buffer []byte

	// Response is the answer; its value aliases Buffer. Not valid if Err is set.
	Response wire.Response

	// Err says why there is no answer.
	Err error

	// MaybeApplied reports that the request's bytes may have reached the
	// server, although no answer came: repeating it is safe only if doing it
	// twice does no harm.
	MaybeApplied bool

	// place is the call's place in the engine's queue.
	place uint64
	// state is where the call is now.
	state callState
	// done signals completion to Conn, with one token each time.
	done chan struct{}

	// since is when the call joined Conn's line.
	since int64
	// ahead and behind are the neighbours in that line.
	ahead, behind *Call
}

// A Renewer remakes the Request of a Call, with a value of the same length. It
// is called with the connection's lock held, so it must neither wait nor use the
// connection. Its error ends the call, which is then not sent.
type Renewer interface{ RenewRequest(r *wire.Request) error }

type callState uint8

const (
	callIdle    callState = iota // never submitted, complete or cancelled
	callWaiting                  // in Conn's line for room
	callPending                  // in the engine's queue
)

// EngineLimits bounds what one connection holds. A zero field means its
// default.
type EngineLimits struct {
	// MaxCalls is how many requests may be unanswered; 16384 by default.
	MaxCalls int

	// MaxBytes is how many bytes of requests may be unanswered; 16 MiB by
	// default. A single larger request is let through when it is alone.
	MaxBytes int

	// MaxAnswer is the largest value an answer may carry, in bytes; 1 MiB by
	// default. A larger one breaks the connection.
	MaxAnswer int

	// Silence is how long the server may send nothing, once the oldest unanswered
	// request has been sent, before the connection counts as dead; 5 s by default,
	// negative for no limit. While the request is being sent, it is how long no byte of
	// it may move.
	Silence time.Duration

	// Total is how long a call may take from its submission to the last byte of
	// its answer, however steadily bytes arrive, before it ends with
	// ErrSlow. It is also how long the answer to the oldest request may take
	// before the connection counts as dead. 1 min by default, negative for no
	// limit.
	Total time.Duration
}

// Defaults of EngineLimits.
const (
	DefaultMaxCalls  = 16 << 10
	DefaultMaxBytes  = 16 << 20
	DefaultMaxAnswer = 1 << 20
	DefaultSilence   = 5 * time.Second
	DefaultTotal     = time.Minute
)

func (l EngineLimits) withDefaults() EngineLimits {
	if l.MaxCalls <= 0 {
		l.MaxCalls = DefaultMaxCalls
	}
	if l.MaxBytes <= 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	if l.MaxAnswer <= 0 {
		l.MaxAnswer = DefaultMaxAnswer
	}
	if l.Silence == 0 {
		l.Silence = DefaultSilence
	}
	if l.Total == 0 {
		l.Total = DefaultTotal
	}
	return l
}
