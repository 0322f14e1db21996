package proxy

// A replyMode is what a client has asked for with CLIENT REPLY.
type replyMode struct {
	// off is set until replies are turned on again.
	off bool
	// SKIP was the last command: the one behind it is not answered.
	next bool
	// This one is not.
	skip bool
}

// apply drops the answer that begins at start if the client wants none.
func (m *replyMode) apply(s *Session, start int) {
	if m.off || m.skip {
		s.out = s.out[:start]
	}
	m.skip, m.next = m.next, false
}
