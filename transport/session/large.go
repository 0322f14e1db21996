package session

import "net"

import (
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A LargeHandler is a Handler that receives large values into its own memory, and
// answers with references to them, without a copy.
type LargeHandler interface {
	Handler
	// HandleLarge is Handle for a request whose answer may be large: the response frame
	// that it appends may go on with bytes that it only refers to. A nil
	// Reference means that there are none. Before it returns one, it asks reserve
	// once for that many bytes, which are held until the answer is read. If reserve
	// returns false, it answers MemoryUsedUp and does nothing else.
	HandleLarge(now int64, dst []byte, r *wire.Request, reserve func(bytes int) bool) ([]byte, Reference)
	// BeginUpload begins a request that has not arrived whole: r has everything but the
	// value, of which size bytes are to come; for CAS, r.Value is the version. A
	// nil Upload means that the value is not large, so that the request will
	// be executed as usual. An error refuses the request; if it is a Refusal, that
	// decides the status.
	BeginUpload(now int64, r *wire.Request, size int) (Upload, error)
}

// A Reference is bytes of an answer in a handler's memory. They do not change
// until Release, which the Session calls once.
type Reference interface {
	Size() int
	AppendTo(pieces net.Buffers) net.Buffers
	Release()
}

// An Upload is a request whose value is arriving. A Session fills what Buffer
// returns and calls Advance until all bytes are there, then calls
// Finish. In any case, it calls Release at the end.
type Upload interface {
	// Buffer returns room for the next bytes, never more than are missing, and
	// returns the same room until Advance. An error refuses the request.
	Buffer() ([]byte, error)
	Advance(n int)
	// Finish executes the request and appends exactly one response frame.
	Finish(now int64, dst []byte) []byte
	Release()
}

// upload is the large request that is arriving, if there is one.
type upload struct {
	to     Upload
	header wire.Header
	// key is what a Meter records of the key.
	key []byte
	// missing is how many bytes of the value are still to come.
	missing int
	// held is how many bytes are reserved for the value.
	held int
	// buffer is the part of to's buffer that is not filled yet.
	buffer []byte
}

// beginUpload starts to receive the value of the first request in the input directly
// into the handler's memory. It reports false if the request is buffered as usual, or
// if more of it is needed to decide.
func (s *Session) beginUpload(now int64, h *wire.Header, b []byte) bool {
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
	to, err := s.large.BeginUpload(now, &r, size)
	if err != nil {
		s.refuse(h, wire.RefusalOf(err))
		return true
	}
	if to == nil {
		return false
	}
	s.upload = upload{to: to, header: *h, missing: size, key: s.counter.keyForRecord(r.Key)}
	s.start += front
	return true
}

// fill copies received bytes of the value to the upload and executes the
// request once all are there. It reports false if more are to come.
func (s *Session) fill(now int64) bool {
	g := &s.upload
	for g.missing > 0 && s.start < s.end {
		room := s.uploadBuffer()
		if room == nil {
			// The request was refused.
			return true
		}
		n := copy(room, s.in[s.start:s.end])
		s.start += n
		s.uploaded(n)
	}
	if g.missing > 0 {
		return false
	}
	before := len(s.output())
	s.out = g.to.Finish(now, s.out)
	s.counter.request(g.header.Command, wire.Status(s.out[before+2]), g.header.Size()+uint64(len(s.out)-before), g.key)
	s.unstage()
	s.begun = 0
	s.endIfEnded()
	return true
}

// uploadBuffer returns where the next bytes of the value go, or nil if the upload
// had to be refused.
func (s *Session) uploadBuffer() []byte {
	g := &s.upload
	if len(g.buffer) > 0 {
		return g.buffer
	}
	room, err := g.to.Buffer()
	why := MemoryUsedUp
	if err != nil {
		why = wire.RefusalOf(err)
	} else if s.reserved.reserve(len(room)) {
		g.held += len(room)
		g.buffer = room
		return room
	}
	header, missing := g.header, g.missing
	s.unstage()
	s.refuse(&header, why)
	s.refused.left = uint64(missing)
	return nil
}

// uploaded notes that n bytes are in the buffer that uploadBuffer returned.
func (s *Session) uploaded(n int) {
	g := &s.upload
	g.to.Advance(n)
	g.buffer = g.buffer[n:]
	g.missing -= n
}

func (s *Session) unstage() {
	if s.upload.to != nil {
		s.upload.to.Release()
		s.reserved.release(s.upload.held)
	}
	s.upload = upload{}
}

// An outputRef is a Reference among the answers: its bytes come after out[:at].
type outputRef struct {
	at   int
	what Reference
}

// refer puts the bytes of ref, which are reserved, after the answers so far.
func (s *Session) refer(ref Reference) {
	s.outputRefs = append(s.outputRefs, outputRef{len(s.out), ref})
	s.referred += ref.Size()
}

// pendingPieces returns the answers and the bytes that they refer to, in order, from
// the first byte that has not been sent.
func (s *Session) pendingPieces() net.Buffers {
	pieces, from := s.pieces[:0], 0
	for _, r := range s.outputRefs {
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

// forgo releases the bytes of an answer that there is no memory for.
func (s *Session) forgo(ref Reference) {
	if ref != nil {
		s.reserved.release(ref.Size())
		ref.Release()
	}
}

func (s *Session) releaseOutputRefs() {
	for i, r := range s.outputRefs {
		r.what.Release()
		s.outputRefs[i] = outputRef{}
	}
	s.reserved.release(s.referred)
	s.outputRefs, s.referred = s.outputRefs[:0], 0
}
