package session

import "net"

import (
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A LargeHandler is a Handler that takes and gives large values where they lie,
// without a copy.
type LargeHandler interface {
	Handler
	// HandleLarge is Handle for a request whose answer may be large: it may end
	// the frame that it appends with bytes that it only refers to. A nil
	// Reference means that there are none. Before it takes one it asks reserve
	// for the bytes, once, and answers MemoryUsedUp, having done nothing, if that
	// reports false: they are held until the answer is read.
	HandleLarge(now int64, dst []byte, r *wire.Request, reserve func(bytes int) bool) ([]byte, Reference)
	// Stage begins a request that has not arrived whole: r has all but the
	// value, of which size bytes are to come; to CAS, r.Value is the version. A
	// nil Staged means that the value is not large, so that the request will
	// be executed as usual. An error, of which a Refusal
	// decides the status, refuses the request.
	Stage(now int64, r *wire.Request, size int) (Staged, error)
}

// A Reference is bytes of an answer in a handler's memory. They stay as they are
// until Release, which the Session calls once.
type Reference interface {
	Size() int
	AppendTo(pieces net.Buffers) net.Buffers
	Release()
}

// A Staged is a request whose value is on its way. A Session fills what Buffer
// returns and says so with Advance until all bytes are there, then calls
// Finish; it ends with Release in any case.
type Staged interface {
	// Buffer returns room for the next bytes, never more than are missing, and
	// the same room until Advance. An error refuses the request.
	Buffer() ([]byte, error)
	Advance(n int)
	// Finish executes the request and appends exactly one response frame.
	Finish(now int64, dst []byte) []byte
	Release()
}

// staging is the large request that is arriving, if there is one.
type staging struct {
	to      Staged
	header  wire.Header
	key     []byte // for the record of large requests
	missing int    // bytes of the value
	held    int    // bytes of the holding
	room    []byte // of to, not filled yet
}

// stage begins to take the value of the request that the input begins with to
// its place. It reports false if the request is to be buffered as usual, or if
// more of it is needed to tell.
func (s *Session) stage(now int64, h *wire.Header, b []byte) bool {
	front := wire.RequestHeaderSize + int(h.KeySize)
	size := int(h.ValueSize)
	if h.Command.Has(wire.TakesVersion) {
		front += wire.VersionSize
		size -= wire.VersionSize
	}
	if h.Size() <= smallBlockSize || len(b) < front || !h.Command.Has(wire.Stores) {
		return false
	}
	r := wire.Request{Command: h.Command, TTL: h.TTL, Key: b[wire.RequestHeaderSize : wire.RequestHeaderSize+int(h.KeySize)]}
	r.Value = b[wire.RequestHeaderSize+len(r.Key) : front]
	to, err := s.large.Stage(now, &r, size)
	if err != nil {
		s.refuse(h, wire.RefusalOf(err))
		return true
	}
	if to == nil {
		return false
	}
	s.staging = staging{to: to, header: *h, missing: size, key: s.tally.keep(r.Key)}
	s.start += front
	return true
}

// fill moves received bytes of the staged value to their place and executes the
// request once all are there. It reports false if more are to come.
func (s *Session) fill(now int64) bool {
	g := &s.staging
	for g.missing > 0 && s.start < s.end {
		room := s.stageRoom()
		if room == nil {
			return true // refused
		}
		n := copy(room, s.in[s.start:s.end])
		s.start += n
		s.staged(n)
	}
	if g.missing > 0 {
		return false
	}
	before := len(s.output())
	s.out = g.to.Finish(now, s.out)
	s.tally.request(g.header.Command, wire.Status(s.out[before+2]), g.header.Size()+uint64(len(s.out)-before), g.key)
	s.unstage()
	s.begun = 0
	s.endIfEnded()
	return true
}

// stageRoom returns where the next bytes of the staged value go, or nil if it
// had to be refused.
func (s *Session) stageRoom() []byte {
	g := &s.staging
	if len(g.room) > 0 {
		return g.room
	}
	room, err := g.to.Buffer()
	why := MemoryUsedUp
	if err != nil {
		why = wire.RefusalOf(err)
	} else if s.holding.take(len(room)) {
		g.held += len(room)
		g.room = room
		return room
	}
	header, missing := g.header, g.missing
	s.unstage()
	s.refuse(&header, why)
	s.refused.left = uint64(missing)
	return nil
}

// staged says that n bytes are in the room that stageRoom returned.
func (s *Session) staged(n int) {
	g := &s.staging
	g.to.Advance(n)
	g.room = g.room[n:]
	g.missing -= n
}

func (s *Session) unstage() {
	if s.staging.to != nil {
		s.staging.to.Release()
		s.holding.give(s.staging.held)
	}
	s.staging = staging{}
}

// A referral is a Reference among the answers: its bytes come behind out[:at].
type referral struct {
	at   int
	what Reference
}

// refer puts the bytes of ref, which are reserved, behind the answers so far.
func (s *Session) refer(ref Reference) {
	s.referrals = append(s.referrals, referral{len(s.out), ref})
	s.referred += ref.Size()
}

// pendingPieces returns answers and what they refer to in their order, without
// what has been sent.
func (s *Session) pendingPieces() net.Buffers {
	pieces, from := s.pieces[:0], 0
	for _, r := range s.referrals {
		pieces = append(pieces, s.out[from:r.at])
		pieces = r.what.AppendTo(pieces)
		from = r.at
	}
	if from < len(s.out) {
		pieces = append(pieces, s.out[from:])
	}
	s.pieces = pieces
	sent := s.sent
	for len(pieces) > 0 && sent >= len(pieces[0]) {
		sent -= len(pieces[0])
		pieces = pieces[1:]
	}
	if len(pieces) > 0 {
		pieces[0] = pieces[0][sent:]
	}
	return pieces
}

func (s *Session) releaseReferrals() {
	for i, r := range s.referrals {
		r.what.Release()
		s.referrals[i] = referral{}
	}
	s.holding.give(s.referred)
	s.referrals, s.referred = s.referrals[:0], 0
}
