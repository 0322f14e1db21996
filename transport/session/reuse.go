package session

// Idle reports whether the session holds nothing of its connection: no part of a
// request, no answer, and no error. Reuse can then give it to another one.
func (s *Session) Idle() bool {
	return s.err == nil && s.begun == 0 && s.in == nil && s.Unsent() == 0 &&
		s.upload.to == nil && !s.refused.active && s.reserved.bytes == 0
}

// Reuse makes an idle session that of another connection, with its handler and its
// share of the memory.
func (s *Session) Reuse(h Handler, peer *Share) {
	s.handler = h
	s.gate, _ = h.(Gate)
	s.large, _ = h.(LargeHandler)
	s.terminator, _ = h.(Terminator)
	s.ahead = lookahead{}
	s.ahead.to, _ = h.(Prefetcher)
	s.reserved.shares = [2]*Share{peer}
	if s.sharer, _ = h.(ShareHandler); s.sharer != nil {
		s.reserved.belongTo(s.sharer.Share())
	}
}
