package proxy

import "fmt"

// DefaultMaxInFlight limits, in bytes, the incomplete commands and unsent answers of
// all sessions together.
const DefaultMaxInFlight = 256 << 20

// An inFlightError is why a command was skipped.
type inFlightError int64

func (e inFlightError) Error() string {
	return fmt.Sprintf("memory for commands and answers on their way is used up, limit %d bytes (max_in_flight)", int64(e))
}

// held is what a session holds beyond its pooled blocks, in bytes.
type held struct{ input, output, queued int }

// charge makes one of the session's holdings size bytes, which do not count up to a
// block. It reports false, and changes nothing, if all sessions would hold too much
// then.
func (s *Session) charge(holding *int, size int) bool {
	if size <= blockSize {
		size = 0
	}
	more := int64(size - *holding)
	if more == 0 {
		return true // most often: what is small shares no counter with others
	}
	if more < 0 {
		s.proxy.inFlight.Add(more)
	} else if _, ok := s.proxy.inFlight.AddWithin(more, s.proxy.settings.MaxInFlight); !ok {
		return false
	}
	*holding = size
	return true
}

// chargeUnchecked is charge for what is there already, and small.
func (s *Session) chargeUnchecked(holding *int, size int) {
	s.proxy.inFlight.Add(int64(size - *holding))
	*holding = size
}

// skipUnfinished gives up what has arrived of the unfinished command, whose answer is
// that there is no memory for it. The connection stays in step. It reports false for
// what is no such command, as a line that is typed by hand.
func (s *Session) skipUnfinished() bool {
	b := s.in[s.start:s.end]
	if !s.parser.Refuse(b, inFlightError(s.proxy.settings.MaxInFlight)) {
		return false
	}
	_, n, _ := s.parser.Next(b) // it is not whole: this drops what is there of it
	s.start += n
	return true
}
