package keyspace

import (
	"context"
	"errors"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// A Kind is what a Request asks for.
type Kind byte

// The kinds of requests, with the errors that are answers.
const (
	Get    Kind = iota // the value and its expiry; ErrNotFound
	Look               // the same and the version
	Set                // whatever was there is replaced
	Add                // stored if nothing is there; ErrLost
	Swap               // stored if the version is still there; ErrLost
	Delete             // ErrNotFound
)

// A Request is one request to an Upstream and its answer.
type Request struct {
	Kind Kind
	Name []byte
	// What is to be stored, in plaintext; or Get's and Look's answer, appended to Value[:0].
	Value []byte
	// Expires of Value, Unix milliseconds; 0 means for good.
	Expires int64

	// Version is what Swap replaces, and the answer of Look, Add and Swap. Look
	// answers it together with ErrNotFound, too, for what is there and must not
	// be used, such as a value past its sealed expiry; it is then to be replaced
	// with Swap. It is 0 if nothing is there, or after Add or Swap if it is not
	// known.
	Version uint64

	Err error
}

// Answers that are no failures.
var (
	ErrNotFound = errors.New("not found")
	ErrLost     = errors.New("another client was faster")
)

// ErrTooLarge means that a value, sealed, is larger than the upstream takes.
var ErrTooLarge = cryptomem.ErrTooLarge

// ErrNotSupported means that the upstream cannot do that, whatever is tried.
var ErrNotSupported = cryptomem.ErrNotSupported

// An Upstream keeps the values of one database, sealed. It is safe for
// concurrent use.
type Upstream interface {
	// Do carries out the requests in one go; those on one name take effect in
	// their order. How each went is in its Err.
	Do(ctx context.Context, rs []*Request)

	// Together reports whether SwapAll may take these names: false if it surely
	// does not. It waits for nothing.
	Together(names [][]byte) bool

	// SwapAll carries out several Sets, Adds, Swaps and Deletes, all of them or
	// none, if for each Look among them the name has its Version, or holds nothing
	// if that is 0. It returns ErrLost, or ErrNotSupported if these names cannot
	// be changed together. A Look is not answered.
	SwapAll(ctx context.Context, rs []*Request) error

	// Scan calls name with some of the names that begin with prefix, about count
	// of them, and returns the cursor that goes on, 0 at the end. Each that lives
	// all the while is named at least once. ErrNotSupported where names are blind.
	Scan(ctx context.Context, prefix string, cursor uint64, count int, name func([]byte)) (next uint64, err error)

	// Flush removes everything.
	Flush(ctx context.Context) error
}
