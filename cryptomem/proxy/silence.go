package proxy

// A silence is what a client has asked for with CLIENT REPLY.
type silence struct {
	// Until it is turned on again.
	off bool
	// SKIP was the last command: the one behind it is not answered.
	next bool
	// This one is not.
	skip bool
}

// apply drops the answer that begins at start if the client wants none.
func (q *silence) apply(s *Session, start int) {
	if q.off || q.skip {
		s.out = s.out[:start]
	}
	q.skip, q.next = q.next, false
}
