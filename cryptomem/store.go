package cryptomem

import (
	"context"
	"time"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A Store keeps sealed values by name until their TTL ends. A Client adds sealing
// and retries on top of any Store, which never sees a value in the clear. Package
// storetest checks that a Store does everything said here.
//
// A Store is safe for concurrent use. It refuses what it cannot do with
// ErrNotSupported.
type Store interface {
	// Do carries out one request, puts the answer into it, and returns r.Err. It
	// returns when ctx ends, also while waiting for a connection or for room.
	Do(ctx context.Context, r *Request) error

	// DoAll carries out many requests together and sets the Err of each. Requests
	// with the same name take effect in order, others in any order.
	DoAll(ctx context.Context, rs []*Request)

	// Close closes the store and waits for its goroutines. Requests under way and
	// later ones fail with ErrClosed.
	Close() error
}

// A Watcher is a Store that is notified of changes, so that a client waiting for
// one need not poll.
type Watcher interface {
	// Watch returns a channel that is closed when the value under the name may have
	// changed since a GET or GetItem which began after Watch. The channel is nil if
	// the store is not notified of that name. It may be closed without a change,
	// and a change may be missed. Call stop once.
	Watch(name []byte) (changed <-chan struct{}, stop func())
}

// A Retrier is a Store that may itself try again what was not applied.
type Retrier interface {
	Store

	// Retries reports whether it does, for as long as it may. Its ErrUnavailable is
	// final then: the client does not try again.
	Retries() bool
}

// A Swapper is a Store that can change several names in one step.
type Swapper interface {
	Store

	// Together reports whether SwapAll can take these names together. It may report
	// true wrongly, but never false. It does not block.
	Together(names [][]byte) bool

	// SwapAll carries out all of the requests or none, and no client sees only some
	// of them done. Each has a different name and is a SET, ADD, CAS or GETV. A GETV
	// returns no value but is a condition: the name must still have its Version, or
	// hold nothing if that is 0.
	//
	// The error, also in the Err of each request, is ErrChanged if the condition of
	// an ADD, CAS or GETV did not hold, ErrNotSupported if the names are too many or
	// cannot be changed together, or as that of Do.
	SwapAll(ctx context.Context, rs []*Request) error
}

// A Command says what a Request asks for.
type Command = wire.Command

// The commands that a Store is asked to carry out.
const (
	CommandGet     = wire.Get     // Answer is the envelope
	CommandGetItem = wire.GetV    // the same, with Version and Remaining
	CommandSet     = wire.Set     // stores Value in place of what is there
	CommandAdd     = wire.Add     // stores Value where nothing is; else ErrExists
	CommandReplace = wire.Replace // stores Value where something is; else ErrNotFound
	CommandSwap    = wire.CAS     // stores Value if Version is still there; else ErrChanged, ErrNotFound
	CommandDelete  = wire.Delete  // removes; ErrNotFound if nothing is there
	CommandGetDel  = wire.GetDel  // removes, Answer is the envelope that was there
	CommandFlush   = wire.Flush   // removes all names with the prefix Name; Count of them
	CommandPing    = wire.Ping    // Answer is Value
	CommandStats   = wire.Stats   // Answer is JSON about the section Name, all if empty
	CommandScan    = wire.Scan    // Answer is some of the names with the prefix Name, as wire.AppendName makes it; Cursor says where to go on
)

// A Request is one request to a Store and, once Do has returned, its answer. The
// store owns it and its slices while Do runs, and not afterwards: a store that may
// still send a request after its call was canceled has to copy them.
//
// Err is nil for success, or matches one of these by errors.Is:
//
//   - ErrNotFound, ErrExists, ErrChanged: answers, as the commands say.
//   - ErrUnavailable: the store cannot be reached or cannot serve now. Nothing
//     was applied, so it is safe to try again.
//   - ErrMaybeApplied: a write whose outcome is unknown. The store does not send
//     the same envelope again.
//   - ErrTimeout, with either of these: the store is silent.
//   - ErrBusy, ErrFull, ErrDenied, ErrTooLarge, ErrNotSupported: refused.
//   - ErrClosed, or the error of ctx.
type Request struct {
	Command Command
	// Name is made by sealing.Sealer.AppendWireName; for FLUSH and SCAN it is a
	// prefix of such names.
	Name []byte
	// Value is what to store or, for PING, to echo.
	Value []byte
	// TTL of the stored value; 0 means no expiry. A store may keep the value longer
	// by the resolution of its clock.
	TTL time.Duration
	// Version is what CAS expects; then, the version in the answer.
	Version uint64

	// Fenced asks ADD, GETV and CAS for a Version greater than any that the name
	// had before. Without it, versions only differ.
	Fenced bool

	// Sealer, if not nil, sets Value and TTL. The store calls it once it has a
	// connection and room for the request, and again if the request then had to
	// wait, so that no envelope ages in a queue. If it fails, the request is not
	// sent and ends with that error.
	Sealer Sealer

	// Fresh makes GET bypass the store's near cache and drop its copy.
	Fresh bool

	// Near is set if the answer of GET came from the store's near cache, so that
	// the value may have changed since.
	Near bool

	// Answer is a buffer for the value in the answer, then that value. A store uses
	// its capacity if that suffices.
	Answer []byte

	// Remaining is the remaining TTL according to the store; 0 means no expiry.
	Remaining time.Duration
	// Count is the number of names that FLUSH removed. For SCAN it is about how
	// many names to return, 0 for the store's choice.
	Count uint64
	// Cursor says where SCAN continues, 0 to begin; then, where the next one
	// continues, 0 at the end.
	Cursor uint64
	Err    error
}

// A Sealer makes the value of a Request just before it is sent.
type Sealer interface {
	// SealRequest sets r.Value and r.TTL. It may be called several times.
	SealRequest(r *Request) error
}
