package session

import (
	"math"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A Gate is a Handler that judges requests by their header alone. What it
// refuses is read and dropped, never buffered.
type Gate interface {
	Handler
	// Admit returns false and the reason if the request with header h must not be
	// executed. It is called more than once for a request that arrives in pieces.
	Admit(h *wire.Header) (wire.Refusal, bool)
}

// MemoryUsedUp refuses a request for which no memory is left.
var MemoryUsedUp = wire.RefuseBusy("the server's memory for requests in flight is used up, try again later")

// admit judges a request by its header: first by the protocol's rules and the
// session's limits, then by the gate.
func (s *Session) admit(h *wire.Header) (wire.Refusal, bool) {
	if !h.Command.Known() {
		return wire.Refuse("command %d is unknown", h.Command), false
	}
	size, limit := uint64(h.ValueSize), uint64(s.limits.MaxValueSize)
	if h.Command.Has(wire.TakesVersion) {
		if size < wire.VersionSize {
			return wire.Refuse("value is %d bytes, %s needs a version of %d bytes before the new value", size, h.Command, wire.VersionSize), false
		}
		size -= wire.VersionSize
	}
	switch {
	case h.KeySize == 0 && !h.Command.Has(wire.OmitsKey):
		return wire.Refuse("key is empty, %s needs one of 1 to %d bytes", h.Command, wire.MaxKeySize), false
	case size > 0 && !h.Command.Has(wire.TakesValue):
		return wire.Refuse("%s takes no value, got %d bytes", h.Command, size), false
	case size > limit:
		return wire.RefuseTooLarge(size, limit), false
	case h.TTL < 0 && h.Command.Has(wire.TakesTTL):
		return wire.Refuse("ttl is %d ns, limits 0 (no expiry) and %d", int64(h.TTL), int64(math.MaxInt64)), false
	case s.gate != nil:
		return s.gate.Admit(h)
	}
	return wire.Refusal{}, true
}

// refused is a request whose bytes are dropped as they arrive.
type refused struct {
	active  bool
	command wire.Command
	// size of the request, in bytes.
	size uint64
	// left is how many of its bytes are still to be dropped.
	left uint64
	// why is answered when nothing is left.
	why wire.Refusal
}

// refuse begins to drop the request that the input begins with.
func (s *Session) refuse(h *wire.Header, why wire.Refusal) {
	size := h.Size()
	s.refused = refused{true, h.Command, size, size, why}
}

// drop drops what has arrived of the refused request and, once that is all of
// it, answers. It reports false if more is to come.
func (s *Session) drop() bool {
	n := min(s.refused.left, uint64(s.end-s.start))
	s.start += int(n)
	s.refused.left -= n
	if s.refused.left > 0 {
		return false
	}
	before := len(s.output())
	s.out = s.refused.why.Append(s.out, s.refused.command)
	s.counter.request(s.refused.command, s.refused.why.StatusFor(s.refused.command), s.refused.size+uint64(len(s.out)-before), nil)
	s.refused = refused{}
	s.begun = 0
	s.endIfEnded()
	return true
}
