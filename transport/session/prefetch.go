package session

import (
	"sync"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A Prefetcher is a Handler that learns of requests before they are executed.
type Prefetcher interface {
	Handler
	// Prefetch gets the keys of requests that have arrived together, at most
	// MaxPrefetch, so that the memory they need can be loaded for all of them
	// at once. Some may never be executed. keys is valid during the call only.
	Prefetch(keys [][]byte)
}

// MaxPrefetch is the most keys that Prefetch gets at once. The store has the same
// limit, and neither knows the other.
const MaxPrefetch = 16

var keyLists = sync.Pool{New: func() any { return new([MaxPrefetch][]byte) }}

// lookahead tells a Prefetcher, if there is one, of requests that have arrived
// together.
type lookahead struct {
	to Prefetcher
	// known counts the requests that Prefetch has been told of and that are still to
	// be executed or refused.
	known int
}

// at says that the next request to be executed is the first in b, of size bytes.
func (a *lookahead) at(b []byte, size uint64) {
	switch {
	case a.known > 0:
		a.known--
	case a.to != nil && uint64(len(b)) >= size+wire.RequestHeaderSize:
		a.tell(b)
	}
}

// refused says that the next request is not executed.
func (a *lookahead) refused() { a.known = max(a.known-1, 0) }

// tell calls Prefetch for the whole requests in b, unless there is only one.
func (a *lookahead) tell(b []byte) {
	keys := keyLists.Get().(*[MaxPrefetch][]byte)
	n := 0
	for n < len(keys) && len(b) >= wire.RequestHeaderSize && !wire.BadMagic(b) {
		h := wire.ParseHeader(b)
		if uint64(len(b)) < h.Size() || h.KeySize == 0 || !h.Command.Known() || h.Command.Has(wire.Slow) {
			break
		}
		keys[n] = h.Request(b).Key
		n++
		b = b[h.Size():]
	}
	if n > 1 {
		a.known = n - 1
		a.to.Prefetch(keys[:n])
	}
	clear(keys[:n])
	keyLists.Put(keys)
}
