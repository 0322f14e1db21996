package cryptomem

import (
	"context"
	"time"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A Store keeps sealed values by name until their TTL ends. It is the seam
// below the seal: a Client puts names, envelopes and retries on top of any
// Store, and a Store never sees a key or a value in clear. Package storetest
// holds one to everything said here.
//
// A Store is safe for concurrent use. What it cannot do it refuses with
// ErrNotSupported.
type Store interface {
	// Do carries out one request, puts the answer into it, and returns r.Err.
	// It heeds ctx while it waits, also for a connection or for room.
	Do(ctx context.Context, r *Request) error

	// DoAll carries out many requests in one go. How each went is in its Err;
	// requests with the same name take effect in their order, others in any.
	DoAll(ctx context.Context, rs []*Request)

	// Close ends the store and waits for what it started. Requests under way,
	// and later ones, end in ErrClosed.
	Close() error
}

// A Watcher is a Store that hears of changes. It is what those who wait use in
// place of asking again and again.
type Watcher interface {
	// Watch returns a channel that is closed when what is under the name may have
	// changed since a GET or GetItem that began later than Watch and has ended; a
	// nil channel if nothing would be heard of it. It may be closed without a
	// change, and a change may go unheard. Call stop once.
	Watch(name []byte) (changed <-chan struct{}, stop func())
}

// A Swapper is a Store that can change several names in one step.
type Swapper interface {
	Store

	// Together reports whether SwapAll may take these names; false if it surely
	// does not. It waits for nothing.
	Together(names [][]byte) bool

	// SwapAll carries out all of the requests or none, and no client sees a part of
	// it. Each has a name of its own and is a SET, an ADD, a CAS or a GETV. The
	// latter changes and answers nothing: the name must still have its Version,
	// or hold nothing if that is 0.
	//
	// The error, which is that of each request too, is ErrChanged if a name was
	// not as an ADD, CAS or GETV wants it, ErrNotSupported for names that cannot
	// be changed together or are too many, or as those of Do.
	SwapAll(ctx context.Context, rs []*Request) error
}

// A Command is what a Request asks for.
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

// A Request is one request to a Store and, once Do has returned, its answer. It
// is the store's while Do runs and the caller's again after that, with all its
// slices: a store that may go on sending after a cancelled call copies them.
//
// Err is nil for done, or matches one of these by errors.Is:
//
//   - ErrNotFound, ErrExists, ErrChanged: answers, as the commands say.
//   - ErrUnavailable: the store cannot be reached or cannot serve now. Nothing
//     was applied, and nothing is lost by trying again.
//   - ErrMaybeApplied: a write whose outcome is unknown. The store does not send
//     the same envelope again.
//   - ErrTimeout, with either of these: the store is silent.
//   - ErrBusy, ErrFull, ErrDenied, ErrTooLarge, ErrNotSupported: refused.
//   - ErrClosed, or the error of ctx.
type Request struct {
	Command Command
	// As sealing.Sealer.AppendWireName makes it; for FLUSH a prefix of such names.
	Name []byte
	// What to store, or to echo.
	Value []byte
	// TTL of what is stored; 0 means no expiry. A store may keep it longer by what its clock cannot tell.
	TTL time.Duration
	// Which CAS expects; then what the answer tells.
	Version uint64

	// Fenced asks ADD, GETV and CAS for a Version that grows: greater than any
	// that the name had before. Other versions only differ.
	Fenced bool

	// Sealer, if not nil, makes Value and TTL. The store calls it when it has a
	// connection and room for the request, and again if it had to wait after
	// that, so that no envelope grows old in a queue. Its error ends the
	// request, which is then not sent.
	Sealer Sealer

	// Fresh asks GET for what the store has now, and not for a copy that it may
	// keep close by: any such copy is dropped.
	Fresh bool

	// Near is set in the answer of GET if that is a copy which the store kept
	// close by, so that the value may have changed since.
	Near bool

	// Answer is the room for the value of the answer, then that value. A store
	// uses its capacity if it suffices.
	Answer []byte

	// TTL that is left, as the store says; 0 means no expiry.
	Remaining time.Duration
	// Count of names removed; of SCAN, how many to tell at most, 0 for the store's choice.
	Count uint64
	// Cursor of SCAN: where to go on, 0 to begin; then where the next one goes on, 0 at the end.
	Cursor uint64
	Err    error
}

// A Sealer makes the value of a Request just before it is sent.
type Sealer interface {
	// SealRequest sets r.Value and r.TTL. It may be called several times.
	SealRequest(r *Request) error
}
