package sim

import (
	"bytes"

	"github.com/Zezezknight/cryptomem/sim/oracle"
	"github.com/Zezezknight/cryptomem/sim/script"
	"github.com/Zezezknight/cryptomem/transport/session"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A serverEnd stands between its session and the product's handler: every
// request meets the model at the moment of its execution.
var (
	_ session.LargeHandler = (*serverEnd)(nil)
	_ session.Prefetcher   = (*serverEnd)(nil)
)

// anyAnswer is in the place of an answer that the handler has no part in.
const anyAnswer = 0

// Handle executes one request with the product's handler and asks the model
// whether the answer is right.
func (e *serverEnd) Handle(now int64, dst []byte, r *wire.Request) []byte {
	e.conn.node.meet(now, r)
	start := len(dst)
	dst = e.handler.Handle(now, dst, r)
	return e.witness(now, dst, start, r, dst[start:])
}

// HandleLarge is Handle for an answer that may refer to the store's memory.
func (e *serverEnd) HandleLarge(now int64, dst []byte, r *wire.Request, reserve func(bytes int) bool) ([]byte, session.Reference) {
	if e.conn.node.liar != nil {
		// a liar makes its answers up itself
		return e.Handle(now, dst, r), nil
	}
	e.conn.node.meet(now, r)
	start := len(dst)
	dst, ref := e.handler.HandleLarge(now, dst, r, reserve)
	frame := dst[start:]
	if ref != nil {
		e.w.cover(StateReferred)
		frame = bytes.Join(append([][]byte{frame}, ref.AppendTo(nil)...), nil)
	}
	return e.witness(now, dst, start, r, frame), ref
}

// Prefetch passes on what the session knows to come.
func (e *serverEnd) Prefetch(keys [][]byte) { e.handler.Prefetch(keys) }

// witness looks at a request that has been executed. Its answer is frame, and
// as far as it is not referred to, dst[start:].
func (e *serverEnd) witness(now int64, dst []byte, start int, r *wire.Request, frame []byte) []byte {
	w, s := e.w, e.conn.node
	a, n, err := wire.ParseResponse(frame)
	if err != nil || n != len(frame) {
		w.violate(oracle.RuleModel, "%v %q was answered with %d bytes that are not one frame", r.Command, r.Key, len(frame))
		return dst
	}
	w.executed++
	s.tally.execute(r.Command, a.Status)
	w.mix(uint64(now)<<8 ^ uint64(r.Command)<<4 ^ uint64(a.Status))
	w.noteExecuted(e.conn.lane, r, a)
	e.check(now, r, a)
	if s.liar != nil {
		return s.liar.answer(dst, start, r, a)
	}
	e.answers = append(e.answers, answerHash(a))
	return dst
}

// check asks the model.
func (e *serverEnd) check(now int64, r *wire.Request, a wire.Response) {
	w, m := e.w, e.conn.node.model
	if w.script.Config.InFlight > 0 && refusedAs(a) == script.WantBusy {
		w.cover(StateMemoryBusy)
		m.Busy(r)
		return
	}
	if !e.judgeRights(now, r, a) {
		return
	}
	if a.Status == wire.Error {
		w.cover(StateRefused)
	}
	lost := m.Lost()
	if v := m.Check(now, r, a); v != nil {
		w.fail(v)
	}
	if m.Lost() > lost {
		w.cover(StateEvicted)
		if r.Command == wire.CAS {
			w.cover(StateCASEvicted)
		}
	}
}

func answerHash(a wire.Response) uint64 { return hashBytes(uint64(a.Status), a.Value) | 1 }

// BeginUpload lets the product's handler take a large value to its place.
func (e *serverEnd) BeginUpload(now int64, r *wire.Request, size int) (session.Upload, error) {
	to, err := e.handler.BeginUpload(now, r, size)
	if err != nil {
		e.refused(now, r, size, err)
		return nil, err
	}
	if to == nil {
		return nil, nil
	}
	e.w.cover(StateStaged)
	e.staging = true
	whole := *r
	whole.Key, whole.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	return &witnessed{Upload: to, e: e, r: whole, size: size, now: now}, nil
}

// refused takes note of a large request that the session answers for the
// handler.
func (e *serverEnd) refused(now int64, r *wire.Request, size int, err error) {
	whole := *r
	if whole.Value = make([]byte, size); r.Command == wire.CAS {
		whole.Value = make([]byte, wire.VersionSize+size)
	}
	r = &whole // as long as it would have been
	why := wire.RefusalOf(err)
	e.check(now, r, wire.Response{Status: why.Status, Value: []byte(why.Message)})
	e.answers = append(e.answers, anyAnswer)
}

// witnessed is a large request on its way into the store, and a copy of it for
// the model.
type witnessed struct {
	session.Upload
	e    *serverEnd
	r    wire.Request
	room []byte
	// Bytes of the value.
	size int
	// When it began.
	now int64
}

// Buffer implements session.Upload.
func (s *witnessed) Buffer() ([]byte, error) {
	room, err := s.Upload.Buffer()
	if err != nil {
		// it was let in, whatever was said since of who sends it
		s.e.letIn = true
		s.e.refused(s.now, &s.r, s.size, err)
		s.e.letIn = false
	}
	s.room = room
	return room, err
}

// Advance implements session.Upload.
func (s *witnessed) Advance(n int) {
	s.r.Value = append(s.r.Value, s.room[:n]...)
	s.room = s.room[n:]
	s.Upload.Advance(n)
}

// Release implements session.Upload.
func (s *witnessed) Release() {
	s.e.staging = false
	s.Upload.Release()
}

// Finish implements session.Upload.
func (s *witnessed) Finish(now int64, dst []byte) []byte {
	s.e.staging = false
	s.e.conn.node.meet(now, &s.r)
	start := len(dst)
	dst = s.Upload.Finish(now, dst)
	return s.e.witness(now, dst, start, &s.r, dst[start:])
}
