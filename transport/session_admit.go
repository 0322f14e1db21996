package transport

import (
	"fmt"
	"math"
)

// A Gate is a Handler that judges requests by their header alone. What it
// refuses is read and dropped, never buffered.
type Gate interface {
	Handler
	// Admit returns false and why if a request that begins with h must not be
	// executed. A request that arrives in pieces is asked about more than once.
	Admit(h *Header) (Refusal, bool)
}

// memoryUsedUp is what a request hears that no room is left for.
var memoryUsedUp = Refusal{Busy, "busy: the server's memory for requests in flight is used up, try again later"}

// admit judges a request by its header: first by the protocol's rules and the
// session's limits, then by the gate.
func (s *Session) admit(h *Header) (Refusal, bool) {
	if !h.Command.Known() {
		return Refusal{Error, fmt.Sprintf("command %d is unknown", h.Command)}, false
	}
	size, limit := uint64(h.ValueSize), uint64(s.limits.MaxValueSize)
	if h.Command.Has(TakesVersion) {
		if size < VersionSize {
			return Refusal{Error, fmt.Sprintf("value is %d bytes, %s needs a version of %d bytes before the new value", size, h.Command, VersionSize)}, false
		}
		size -= VersionSize
	}
	switch {
	case h.KeySize == 0 && !h.Command.Has(OmitsKey):
		return Refusal{Error, fmt.Sprintf("key is empty, %s needs one of 1 to %d bytes", h.Command, MaxKeySize)}, false
	case size > 0 && !h.Command.Has(TakesValue):
		return Refusal{Error, fmt.Sprintf("%s takes no value, got %d bytes", h.Command, size)}, false
	case size > limit:
		return Refusal{Error, fmt.Sprintf("value is %d bytes, limit %d", size, limit)}, false
	case h.TTL < 0 && h.Command.Has(TakesTTL):
		return Refusal{Error, fmt.Sprintf("ttl is %d ns, limits 0 (no expiry) and %d", int64(h.TTL), int64(math.MaxInt64))}, false
	case s.gate != nil:
		return s.gate.Admit(h)
	}
	return Refusal{}, true
}

// refused is a request on its way to nowhere.
type refused struct {
	active  bool
	command Command
	size    uint64  // of the request, in bytes
	left    uint64  // bytes of it still to be dropped
	why     Refusal // due when nothing is left
}

// refuse begins to drop the request that the input begins with.
func (s *Session) refuse(h *Header, why Refusal) {
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
	s.out = s.refused.why.Append(s.output(), s.refused.command)
	s.tally.request(s.refused.command, s.refused.why.StatusFor(s.refused.command), s.refused.size, nil)
	s.refused = refused{}
	s.begun = 0
	s.endIfEnded()
	return true
}
