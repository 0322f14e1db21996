package session

import (
	"bytes"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// Execute executes whole requests at the instant now until there is no more input,
// pending answers reach the high-water mark, or it has executed one that may
// take long. After an error (ErrFraming, or ErrEnded when a Terminator has ended the
// connection) the connection is to be closed once Pending has been sent.
func (s *Session) Execute(now int64) error {
	for more := true; more && s.err == nil && s.belowHighWater(); {
		switch {
		case s.refused.active:
			more = s.drop()
		case s.upload.to != nil:
			more = s.fill(now)
		case s.start == s.end:
			more = false
		default:
			more = s.next(now)
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

// ExecuteQuick is Execute for a caller that has other connections to serve: it stops
// before a request that may take long. It then returns false, and Execute has to do
// the rest.
func (s *Session) ExecuteQuick(now int64) (all bool, err error) {
	s.quick, s.left = true, false
	err = s.Execute(now)
	s.quick = false
	return !s.left, err
}

// next judges the request that the input begins with and executes it if it is whole.
// It reports false if Execute has to stop there.
func (s *Session) next(now int64) bool {
	b := s.in[s.start:s.end]
	if wire.BadMagic(b) {
		s.fail(wire.ErrFraming)
		return false
	}
	if len(b) < wire.RequestHeaderSize {
		return false
	}
	h := &s.header
	*h = wire.ParseHeader(b)
	if refusal, ok := s.admit(h); !ok {
		s.ahead.refused()
		s.refuse(h, refusal)
		return true
	}
	size := h.Size()
	if uint64(len(b)) < size {
		return s.makeRoom(now, h, b)
	}
	if s.left = s.quick && h.Command.Has(wire.Slow); s.left {
		return false
	}
	s.ahead.at(b, size)
	s.request = h.Request(b)
	s.execute(now, size)
	// After a request that took long, sending shows whether the client is still there.
	return !h.Command.Has(wire.Slow)
}

// makeRoom makes room for the rest of the request that b begins. It reports false
// if Execute has to wait for it.
func (s *Session) makeRoom(now int64, h *wire.Header, b []byte) bool {
	if s.large != nil && len(b) >= uploadThreshold && s.beginUpload(now, h, b) {
		return true
	}
	if len(b) == len(s.in) && len(b) >= smallBlockSize && !s.grow(h.Size()) {
		s.refuse(h, MemoryUsedUp)
		return true
	}
	return false
}

// execute lets the handler execute s.request, the first size bytes of the input, and
// charges and counts its answer.
func (s *Session) execute(now int64, size uint64) {
	r := &s.request
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
}

// endIfEnded drops what has arrived after the last request, if the handler says
// that it was the last.
func (s *Session) endIfEnded() {
	if s.terminator != nil && s.terminator.Ended() {
		s.start, s.end, s.err = 0, 0, ErrEnded
	}
}

// chargeAnswers charges what the answers take beyond a large block. It reports
// false if there is no memory for it and the last answer is to a command c that writes
// nothing, which the client can send again.
func (s *Session) chargeAnswers(c wire.Command) bool {
	return cap(s.out) <= largeBlockSize || s.chargeLargeAnswers(c)
}

// chargeLargeAnswers is chargeAnswers for answers that are larger than a block.
func (s *Session) chargeLargeAnswers(c wire.Command) bool {
	more := cap(s.out) - s.outHeld
	if more <= 0 {
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
// in memory without room for that one.
func (s *Session) withoutAnswer(start int) []byte {
	if start > largeBlockSize {
		return bytes.Clone(s.out[:start])
	}
	return append(largeBlocks.Get().(*[largeBlockSize]byte)[:0], s.out[:start]...)
}
