package session

import (
	"bytes"
	"errors"
	"net"
	"sync"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// Defaults of a Session's Limits, in bytes.
const (
	DefaultMaxValueSize = 1 << 20
	DefaultHighWater    = 32 << 10
)

// Sizes of the pooled memory that a busy session borrows: a small block for
// input, with room for a value of 16 KiB, a large one for answers and for
// requests that do not fit the small one. What fits costs no allocation; a
// session with nothing to do holds none. A small block for input and a large one
// for answers are charged only once the session has to wait with them, see
// Release and Hold; all that is larger, before it is taken.
const (
	smallBlockSize = 20 << 10
	largeBlockSize = 64 << 10
)

// maxKept is how much of an unfinished request is moved to memory of its own
// size, in bytes, while more is waited for.
const maxKept = 1 << 10

// uploadThreshold is how much of a request has to have arrived before its value is
// taken to its place, in bytes: until then it costs what it is long.
const uploadThreshold = 16 << 10

var (
	smallBlocks = sync.Pool{New: func() any { return new([smallBlockSize]byte) }}
	largeBlocks = sync.Pool{New: func() any { return new([largeBlockSize]byte) }}
)

// A Handler executes requests.
type Handler interface {
	// Handle executes r at the instant now and appends exactly one response
	// frame to dst. r and its slices are valid during the call only. A Session
	// never calls it for a request that the protocol or its limits refuse.
	Handle(now int64, dst []byte, r *wire.Request) []byte
}

// A Terminator is a Handler that may end its connection, as after too many failed
// AUTHs.
type Terminator interface {
	Handler
	// Ended reports, after a request was handled, whether its answer is the
	// connection's last one. What the client has sent behind it is dropped.
	Ended() bool
}

// A ShareHandler is a Handler that comes to know whom it serves. What the session holds
// is charged to that share, too.
type ShareHandler interface {
	Handler
	// Share is asked for at first, and again after each AUTH. Nil is charged to no account.
	Share() *Share
}

// ErrEnded ends a connection whose handler is done with it.
var ErrEnded = errors.New("the connection has had its last answer")

// Limits bound what one Session holds. Zero fields mean the defaults.
type Limits struct {
	MaxValueSize int     // of a request's value, in bytes
	HighWater    int     // bytes of answers not yet sent at which execution pauses
	Memory       *Budget // shared by all sessions of a server; nil means no bound
	Peer         *Share  // of Memory, shared by all sessions from one address; nil means none
	Meter        *Meter  // the same; nil counts nothing
}

// A Session is the server side of one connection: received bytes go in, answers
// come out, and no call blocks. It is for one goroutine at a time.
//
// The life of a connection is a loop: read into Buffer, tell Received, then
// Execute and send Pending until nothing is pending. A client that does not
// read its answers therefore stops being read from.
type Session struct {
	handler    Handler
	gate       Gate         // the handler, if it is one
	large      LargeHandler // the same
	terminator Terminator   // the same
	sharer     ShareHandler // the same
	ahead      lookahead    // what the same knows of
	limits     Limits
	reserved   reservation

	in         []byte       // a block, or larger while a large request arrives
	inHeld     int          // bytes of the reservation for it
	start, end int          // in[start:end] is received and not executed
	begun      int64        // the instant at which the unfinished request was first seen, 0 = none
	refused    refused      // the request being dropped, if there is one
	upload     upload       // the large request being taken, if there is one
	header     wire.Header  // of the request being looked at; fields, since what
	request    wire.Request // a handler gets a pointer to would be allocated

	out        []byte // answers but for what they refer to
	outputRefs []outputRef
	referred   int // bytes that out refers to
	sent       int // bytes of both that are sent
	outHeld    int // bytes of the reservation for out; those of outputRefs are referred
	reserve    func(bytes int) bool
	pieces     net.Buffers

	counter *requestCounter // nil if nothing is counted
	quick   bool            // leave alone what may take long
	left    bool            // something was left alone
	err     error
}

// New returns a Session that lets h execute what it receives.
func New(h Handler, l Limits) *Session {
	if l.MaxValueSize == 0 {
		l.MaxValueSize = DefaultMaxValueSize
	}
	if l.HighWater == 0 {
		l.HighWater = DefaultHighWater
	}
	s := &Session{handler: h, limits: l, counter: newRequestCounter(l.Meter), reserved: reservation{budget: l.Memory}}
	s.reserved.shares[0] = l.Peer
	s.reserve = s.reserveWith
	s.gate, _ = h.(Gate)
	s.large, _ = h.(LargeHandler)
	s.terminator, _ = h.(Terminator)
	s.ahead.to, _ = h.(Prefetcher)
	if s.sharer, _ = h.(ShareHandler); s.sharer != nil {
		s.reserved.belongTo(s.sharer.Share())
	}
	return s
}

// Buffer returns where the next received bytes go. It is empty only while
// answers are pending, which is when a connection should not be read from, and
// after an error.
func (s *Session) Buffer() []byte {
	if s.upload.to != nil && s.start == s.end {
		if room := s.uploadBuffer(); room != nil {
			return room
		}
	}
	if len(s.in) < smallBlockSize {
		kept := s.in[s.start:s.end]
		s.in = smallBlocks.Get().(*[smallBlockSize]byte)[:]
		s.start, s.end = 0, copy(s.in, kept)
	}
	if s.start == s.end {
		s.start, s.end = 0, 0
	} else if s.start > 0 && len(s.in)-s.end < len(s.in)/2 {
		// An unfinished request moves to the front once, when half is used up.
		s.end = copy(s.in, s.in[s.start:s.end])
		s.start = 0
	}
	return s.in[s.end:]
}

// Received says that n bytes have arrived in Buffer.
func (s *Session) Received(n int) {
	switch {
	case s.err != nil:
	case s.upload.to != nil && s.start == s.end:
		s.uploaded(n)
	default:
		s.end += n
	}
}

// Release says that more input has to be waited for. It gives the buffer back if
// that holds next to nothing, so that neither an idle connection nor one that
// trickles costs one, and the next Buffer borrows one again. What is kept is
// charged; if there is no memory for it, the request is refused instead.
func (s *Session) Release() {
	kept := s.in[s.start:s.end]
	switch {
	case len(s.in) < smallBlockSize:
		return // what was kept before
	case len(kept) == 0:
		s.setInput(nil, 0)
		return
	}
	size := len(s.in)
	if len(kept) <= maxKept {
		size = len(kept)
	}
	more := max(size-s.inHeld, 0)
	if !s.reserved.reserve(more) {
		if s.refuseUnfinished() {
			return
		}
		s.reserved.reserveUnchecked(more) // not even a header, or about to be executed
	}
	s.inHeld += more
	if size < len(s.in) {
		kept = bytes.Clone(kept)
		s.inHeld -= size // goes over to the copy
		s.setInput(kept, size)
		s.end = size
	}
}

// refuseUnfinished drops what has arrived of the unfinished request, whose answer
// is that there is no memory for it. It reports false if the input begins with
// something else.
func (s *Session) refuseUnfinished() bool {
	b := s.in[s.start:s.end]
	if s.refused.active || s.upload.to != nil || len(b) < wire.RequestHeaderSize || s.err != nil {
		return false
	}
	h := wire.ParseHeader(b)
	if h.Size() <= uint64(len(b)) {
		return false
	}
	s.refuse(&h, MemoryUsedUp)
	s.drop()
	s.setInput(nil, 0)
	return true
}

// Hold says that the answers have to wait for their reader, and charges what they
// keep; Pending is to be asked for anew. If it reports false there is no memory for
// that, and the connection is to be closed. A short answer finds some in any case:
// who is told that the server is busy is not cut off.
func (s *Session) Hold() bool {
	if s.reserveWith(0) {
		return true
	}
	unsent := s.Unsent()
	if unsent > maxKept || len(s.outputRefs) > 0 || s.start < s.end {
		return false
	}
	s.setInput(nil, 0)
	short := bytes.Clone(s.out[s.sent:])
	s.Sent(unsent)
	s.out, s.outHeld = short, unsent
	s.reserved.reserveUnchecked(unsent)
	return true
}

// reserveWith charges n bytes of an answer, and with them the blocks that the
// session will have while it waits for the reader: an answer that was begun must
// not fail for those.
func (s *Session) reserveWith(n int) bool {
	out := max(cap(s.out), largeBlockSize) - s.outHeld
	in := max(len(s.in)-s.inHeld, 0)
	if !s.reserved.reserve(n + max(out, 0) + in) {
		return false
	}
	s.outHeld += max(out, 0)
	s.inHeld += in
	return true
}

// Execute executes whole requests at the instant now, until input runs dry,
// pending answers reach the high-water mark, or one has been executed that may
// take long. After an error (ErrFraming, or
// that a Terminator has ended) the connection is to be closed once Pending has been sent.
func (s *Session) Execute(now int64) error {
	for s.err == nil && s.belowHighWater() {
		if s.refused.active {
			if !s.drop() {
				break
			}
			continue
		}
		if s.upload.to != nil {
			if !s.fill(now) {
				break
			}
			continue
		}
		b := s.in[s.start:s.end]
		if wire.BadMagic(b) {
			s.fail(wire.ErrFraming)
			break
		}
		if len(b) < wire.RequestHeaderSize {
			break
		}
		h := &s.header
		*h = wire.ParseHeader(b)
		if refusal, ok := s.admit(h); !ok {
			s.refuse(h, refusal)
			continue
		}
		size := h.Size()
		if uint64(len(b)) < size {
			if s.large != nil && len(b) >= uploadThreshold && s.beginUpload(now, h, b) {
				continue
			}
			if len(b) == len(s.in) && len(b) >= smallBlockSize && !s.grow(size) {
				s.refuse(h, MemoryUsedUp)
				continue
			}
			break
		}
		if s.left = s.quick && h.Command.Has(wire.Slow); s.left {
			break
		}
		s.ahead.at(b, size)
		r := &s.request
		*r = h.Request(b)
		answered, referred := len(s.output()), s.referred
		var ref Reference
		if s.large == nil {
			s.out = s.handler.Handle(now, s.out, r)
		} else {
			s.out, ref = s.large.HandleLarge(now, s.out, r, s.reserve)
		}
		if !s.chargeAnswers(r.Command) {
			s.out = MemoryUsedUp.Append(s.withoutAnswer(answered), r.Command)
			s.forgo(ref)
		} else if ref != nil {
			s.refer(ref)
		}
		s.counter.request(r.Command, wire.Status(s.out[answered+2]), size+uint64(len(s.out)-answered+s.referred-referred), r.Key)
		s.start += int(size)
		s.begun = 0
		if r.Command == wire.Auth && s.sharer != nil {
			s.reserved.belongTo(s.sharer.Share())
		}
		s.endIfEnded()
		if h.Command.Has(wire.Slow) {
			break // whether anyone still waits for the rest shows when this is sent
		}
	}
	switch {
	case s.start == s.end && !s.refused.active && s.upload.to == nil:
		s.begun = 0
		if len(s.in) > smallBlockSize {
			s.setInput(nil, 0)
		}
	case s.begun == 0:
		s.begun = now
	}
	return s.err
}

// endIfEnded drops what has arrived behind the last request, if the handler says
// that it was the last.
func (s *Session) endIfEnded() {
	if s.terminator != nil && s.terminator.Ended() {
		s.start, s.end, s.err = 0, 0, ErrEnded
	}
}

// ExecuteQuick is Execute that stops before a request that may take long, for a
// caller that has other connections to serve. It then returns false, and the
// rest is for Execute.
func (s *Session) ExecuteQuick(now int64) (all bool, err error) {
	s.quick, s.left = true, false
	err = s.Execute(now)
	s.quick = false
	return !s.left, err
}

// Pending returns the answers that have not been sent, empty if there are none.
// It is valid until the next call of Execute or Sent.
func (s *Session) Pending() net.Buffers {
	if s.Unsent() == 0 {
		return nil
	}
	return s.pendingPieces()
}

// Sent says that the first n bytes of Pending have been sent.
func (s *Session) Sent(n int) {
	s.sent += n
	if s.Unsent() > 0 {
		return
	}
	clear(s.pieces[:cap(s.pieces)]) // which would keep the answers in memory
	s.pieces = s.pieces[:0]
	if len(s.outputRefs) > 0 {
		s.releaseOutputRefs()
	}
	if cap(s.out) == largeBlockSize {
		largeBlocks.Put((*[largeBlockSize]byte)(s.out[:largeBlockSize]))
	}
	s.reserved.release(s.outHeld)
	s.out, s.sent, s.outHeld = nil, 0, 0
}

// Unsent returns the number of bytes of answers not sent yet.
func (s *Session) Unsent() int { return len(s.out) + s.referred - s.sent }

// Measure says that the requests received at the instant began have been
// executed and their answers sent at the instant ended. It is for the Meter and
// may be left out without one.
func (s *Session) Measure(began, ended int64) { s.counter.measure(began, ended) }

// Begun returns the instant at which the first bytes of the unfinished request
// were seen, and false if no request is unfinished.
func (s *Session) Begun() (since int64, ok bool) { return s.begun, s.begun != 0 }

// Abort gives the unfinished request up: it is answered with reason, and
// nothing further is executed.
func (s *Session) Abort(reason error) {
	if s.err == nil {
		s.fail(reason)
	}
}

// Close gives back all memory, pending answers included.
func (s *Session) Close() {
	s.setInput(nil, 0)
	s.unstage()
	s.Sent(s.Unsent())
}

func (s *Session) fail(err error) {
	s.out = wire.AppendResponse(s.output(), wire.Error, []byte(err.Error()))
	s.start, s.end, s.err = 0, 0, err
	s.refused = refused{}
	s.unstage()
}

// belowHighWater reports whether one more request may be executed.
func (s *Session) belowHighWater() bool { return s.Unsent() < s.limits.HighWater }

// output returns the answers so far, ready to be appended to.
func (s *Session) output() []byte {
	if s.out == nil {
		s.out = largeBlocks.Get().(*[largeBlockSize]byte)[:0]
	}
	return s.out
}

// chargeAnswers charges what the answers take beyond a large block, and reports
// false if there is no memory for it and the last one, to c, can be asked for
// again.
func (s *Session) chargeAnswers(c wire.Command) bool {
	more := cap(s.out) - s.outHeld
	if cap(s.out) <= largeBlockSize || more <= 0 {
		return true
	}
	if !s.reserved.reserve(more) {
		if !c.Has(wire.Writes) {
			return false
		}
		s.reserved.reserveUnchecked(more)
	}
	s.outHeld += more
	return true
}

// withoutAnswer returns the answers before the last one, which begins at start,
// in memory that does not hold that.
func (s *Session) withoutAnswer(start int) []byte {
	if start > largeBlockSize {
		return bytes.Clone(s.out[:start])
	}
	return append(largeBlocks.Get().(*[largeBlockSize]byte)[:0], s.out[:start]...)
}

// grow makes the full input buffer larger for a request of the given size: a
// large block first, from there on twice as large each time, so that memory
// follows what has arrived and not what was declared. It reports false if the
// server's memory budget is used up.
func (s *Session) grow(size uint64) bool {
	larger := largeBlockSize
	if len(s.in) >= largeBlockSize {
		larger = int(min(uint64(2*len(s.in)), size))
	}
	if !s.reserved.reserve(larger) {
		return false
	}
	var in []byte
	if larger == largeBlockSize {
		in = largeBlocks.Get().(*[largeBlockSize]byte)[:]
	} else {
		in = make([]byte, larger)
	}
	n := copy(in, s.in[s.start:s.end])
	s.setInput(in, larger)
	s.end = n
	return true
}

// setInput puts in, still empty and with so many bytes charged, in the place of
// the input buffer, and gives that back to where it came from.
func (s *Session) setInput(in []byte, held int) {
	switch len(s.in) {
	case smallBlockSize:
		smallBlocks.Put((*[smallBlockSize]byte)(s.in))
	case largeBlockSize:
		largeBlocks.Put((*[largeBlockSize]byte)(s.in))
	}
	s.reserved.release(s.inHeld)
	s.in, s.inHeld, s.start, s.end = in, held, 0, 0
	s.request = wire.Request{} // it refers to the old one
}
