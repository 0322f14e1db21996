package transport

import (
	"errors"
	"fmt"
	"math"
)

// A Refusal answers a request without executing it. Statuses from Exists on
// are sent as Error to Set, Get and Delete, whose clients may be older than
// the extensions.
type Refusal struct {
	Status  Status
	Message string
}

// Append appends the response that tells a client whose request was c.
func (r Refusal) Append(dst []byte, c Command) []byte {
	return AppendResponse(dst, r.statusFor(c), []byte(r.Message))
}

func (r Refusal) statusFor(c Command) Status {
	if c <= Delete && r.Status > Error {
		return Error
	}
	return r.Status
}

// Error implements error, so that a LargeHandler can refuse with a status.
func (r Refusal) Error() string { return r.Message }

// refusalOf returns the Refusal that err is, or makes one of it.
func refusalOf(err error) Refusal {
	if why, ok := errors.AsType[Refusal](err); ok {
		return why
	}
	return Refusal{Error, err.Error()}
}

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

// versionSize is the size of the version that a CAS request's value and a GETV
// answer's value begin with, in bytes.
const versionSize = 8

// What a command's request may carry.
const (
	mayOmitKey = 1 << iota
	takesValue
	takesTTL
	takesVersion // in front of the value
	takesLong    // possibly: as long as a store is large, or a password hash is slow
)

var commandTraits = [...]uint8{
	Set:     takesValue | takesTTL,
	Get:     0,
	Delete:  0,
	Ping:    takesValue | mayOmitKey,
	Add:     takesValue | takesTTL,
	Replace: takesValue | takesTTL,
	Touch:   takesTTL,
	GetV:    0,
	CAS:     takesValue | takesTTL | takesVersion,
	GetDel:  0,
	Stats:   mayOmitKey | takesLong,
	Flush:   mayOmitKey | takesLong,
	Auth:    takesValue | takesLong,
}

// admit judges a request by its header: first by the protocol's rules and the
// session's limits, then by the gate.
func (s *Session) admit(h *Header) (Refusal, bool) {
	if h.Command == 0 || int(h.Command) >= len(commandTraits) {
		return Refusal{Error, fmt.Sprintf("command %d is unknown", h.Command)}, false
	}
	traits := commandTraits[h.Command]
	size, limit := uint64(h.ValueSize), uint64(s.limits.MaxValueSize)
	if traits&takesVersion != 0 {
		if size < versionSize {
			return Refusal{Error, fmt.Sprintf("value is %d bytes, %s needs a version of %d bytes before the new value", size, h.Command, versionSize)}, false
		}
		size -= versionSize
	}
	switch {
	case h.KeySize == 0 && traits&mayOmitKey == 0:
		return Refusal{Error, fmt.Sprintf("key is empty, %s needs one of 1 to %d bytes", h.Command, MaxKeySize)}, false
	case size > 0 && traits&takesValue == 0:
		return Refusal{Error, fmt.Sprintf("%s takes no value, got %d bytes", h.Command, size)}, false
	case size > limit:
		return Refusal{Error, fmt.Sprintf("value is %d bytes, limit %d", size, limit)}, false
	case h.TTL < 0 && traits&takesTTL != 0:
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
	size := h.size()
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
	s.tally.request(s.refused.command, s.refused.why.statusFor(s.refused.command), s.refused.size, nil)
	s.refused = refused{}
	s.begun = 0
	s.endIfEnded()
	return true
}
