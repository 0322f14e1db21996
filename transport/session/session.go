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

// Sizes of the pooled memory that a busy session borrows: a small block for input, with
// room for a value of 16 KiB, and a large one for answers and for requests that do not
// fit the small one. What fits costs no allocation; an idle session holds none. A small
// block for input and a large one for answers are charged only if the session has to
// wait while it holds them, see Release and Hold; anything larger is charged before it
// is taken.
const (
	smallBlockSize = 20 << 10
	largeBlockSize = 64 << 10
)

// maxKept is the longest part of an unfinished request, in bytes, that is moved to
// memory of its own size while the session waits for more.
const maxKept = 1 << 10

// uploadThreshold is how much of a request has to have arrived, in bytes, before an
// upload begins: before that, it holds only what has arrived.
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
	// connection's last one. What the client has sent after it is dropped.
	Ended() bool
}

// A ShareHandler is a Handler that can identify its client. What the session holds
// is charged to that client's share, too.
type ShareHandler interface {
	Handler
	// Share is called at first, and again after each AUTH. Nil means no share.
	Share() *Share
}

// ErrEnded ends a connection after the answer that a Terminator ended it with.
var ErrEnded = errors.New("the connection has had its last answer")

// Limits bound what one Session holds. Zero fields mean the defaults.
type Limits struct {
	MaxValueSize int     // of a request's value, in bytes
	HighWater    int     // bytes of unsent answers at which execution pauses
	Memory       *Budget // shared by all sessions of a server; nil means no bound
	Peer         *Share  // of Memory, shared by all sessions from one address; nil means none
	Meter        *Meter  // shared by all sessions of a server; nil counts nothing
}

// A Session is the server side of one connection: received bytes go in, answers
// come out, and no call blocks. It is for one goroutine at a time.
//
// A connection is a loop: read into Buffer, call Received, then
// Execute and send Pending until nothing is pending. So the server stops reading from
// a client that does not read its answers.
type Session struct {
	handler Handler
	// gate, large, terminator and sharer are the handler, or nil if it is no such one.
	gate       Gate
	large      LargeHandler
	terminator Terminator
	sharer     ShareHandler
	ahead      lookahead
	limits     Limits
	reserved   reservation

	in         []byte // a block, or larger while a large request arrives
	inHeld     int    // bytes reserved for in
	start, end int    // in[start:end] is received and not executed
	begun      int64  // when the unfinished request was first seen, 0 if there is none
	refused    refused
	upload     upload
	// header and request are those of the request being executed. They are fields, not
	// variables, because a handler gets a pointer to them, which would allocate.
	header  wire.Header
	request wire.Request

	out        []byte // answers, without the bytes that they refer to
	outputRefs []outputRef
	referred   int // bytes that outputRefs refer to, all of them reserved
	sent       int // bytes of out and outputRefs that have been sent
	outHeld    int // bytes reserved for out
	reserve    func(bytes int) bool
	pieces     net.Buffers

	counter *requestCounter // nil if nothing is counted
	quick   bool            // ExecuteQuick is running
	left    bool            // ExecuteQuick has stopped before a request that may take long
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
	s := &Session{limits: l, counter: newRequestCounter(l.Meter), reserved: reservation{budget: l.Memory}}
	s.reserve = s.reserveWith
	s.Reuse(h, l.Peer)
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
		// An unfinished request moves to the front once, when half of the buffer is used up.
		s.end = copy(s.in, s.in[s.start:s.end])
		s.start = 0
	}
	return s.in[s.end:]
}

// Received notes that n bytes have arrived in Buffer.
func (s *Session) Received(n int) {
	switch {
	case s.err != nil:
	case s.upload.to != nil && s.start == s.end:
		s.uploaded(n)
	default:
		s.end += n
	}
}

// Release is called when the session has to wait for more input. If little is in the
// input buffer, it is given back, so that neither an idle connection nor one that
// trickles holds one, and the next Buffer borrows one again. What is kept is
// charged; if there is no memory for it, the request is refused instead.
func (s *Session) Release() {
	kept := s.in[s.start:s.end]
	switch {
	case len(s.in) < smallBlockSize:
		return // it was kept before
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
		s.reserved.reserveUnchecked(more) // less than a header, or about to be executed
	}
	s.inHeld += more
	if size < len(s.in) {
		kept = bytes.Clone(kept)
		s.inHeld -= size // the charge passes to the copy
		s.setInput(kept, size)
		s.end = size
	}
}

// refuseUnfinished drops what has arrived of the unfinished request, which is
// answered with MemoryUsedUp. It reports false if the input begins with
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

// Hold is called when the answers have to wait for the client to read, and charges what
// they hold; Pending has to be called again. It reports false if there is no memory for
// that, and the connection is to be closed. A short answer is always kept, so that a
// client that gets the answer busy is not cut off.
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

// reserveWith charges n bytes of an answer, together with the blocks that the
// session will hold while it waits for the client to read: once an answer is begun, it
// must not fail for those.
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

// Pending returns the answers that have not been sent, empty if there are none.
// It is valid until the next call of Execute or Sent.
func (s *Session) Pending() net.Buffers {
	if s.Unsent() == 0 {
		return nil
	}
	return s.pendingPieces()
}

// Sent notes that the first n bytes of Pending have been sent.
func (s *Session) Sent(n int) {
	s.sent += n
	if s.Unsent() > 0 {
		return
	}
	clear(s.pieces[:cap(s.pieces)]) // or they would keep sent answers in memory
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

// Measure records, if there is a Meter, that the requests received at the instant
// began have been executed and their answers sent at the instant ended.
func (s *Session) Measure(began, ended int64) { s.counter.measure(began, ended) }

// Begun returns the instant at which the first bytes of the unfinished request
// were seen, and false if no request is unfinished.
func (s *Session) Begun() (since int64, ok bool) { return s.begun, s.begun != 0 }

// Abort gives up the unfinished request: it is answered with reason, and
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

// grow makes the full input buffer larger for a request of the given size: first a
// large block, after that twice as large each time, so that memory
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

// setInput replaces the input buffer by in, which is still empty and has held bytes
// charged, and gives the old one back to where it came from.
func (s *Session) setInput(in []byte, held int) {
	switch len(s.in) {
	case smallBlockSize:
		smallBlocks.Put((*[smallBlockSize]byte)(s.in))
	case largeBlockSize:
		largeBlocks.Put((*[largeBlockSize]byte)(s.in))
	}
	s.reserved.release(s.inHeld)
	s.in, s.inHeld, s.start, s.end = in, held, 0, 0
	s.request = wire.Request{} // it refers to the old buffer
}
