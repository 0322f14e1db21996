package serve

import "sync/atomic"

import (
	"github.com/Zezezknight/cryptomem/transport/session"
)

type counters struct {
	accepted, refused, framing, ended, handshakes, unread atomic.Uint64
	received, sent                                        atomic.Int64
	timeouts                                              [waitKinds]atomic.Uint64
}

// ServerStats is a snapshot of a Server's counters. Unless a field says that it is
// the present value, it counts from NewServer on.
type ServerStats struct {
	// Connections is how many are open now, including those being refused.
	Connections int `json:"connections"`
	// MaxConnections is how many may be open, below 0 for no limit.
	MaxConnections int `json:"max_connections"`
	// InFlight is how many bytes arriving requests and unread answers hold now.
	InFlight int64 `json:"in_flight_bytes"`
	// Accepted counts connections.
	Accepted uint64 `json:"accepted"`
	// Refused counts connections over a limit.
	Refused uint64 `json:"refused"`
	// FramingErrors counts connections closed for bad magic.
	FramingErrors uint64 `json:"framing_errors"`
	// Ended counts connections closed by their handler, as after too many failed AUTHs.
	Ended uint64 `json:"ended"`
	// Unread counts connections closed because no memory was left for their unread answers.
	Unread uint64 `json:"unread"`
	// Handshakes counts TLS connections that failed before their first request.
	Handshakes    uint64 `json:"failed_handshakes"`
	BytesReceived int64  `json:"bytes_received"`
	BytesSent     int64  `json:"bytes_sent"`

	// IdleTimeouts counts, like the fields below, connections closed because a deadline
	// passed.
	IdleTimeouts  uint64 `json:"idle_timeouts"`
	FrameTimeouts uint64 `json:"frame_timeouts"`
	WriteTimeouts uint64 `json:"write_timeouts"`
	AuthTimeouts  uint64 `json:"auth_timeouts"`
	// HandshakeTimeouts is of TLS; failed_handshakes counts them too.
	HandshakeTimeouts uint64 `json:"handshake_timeouts"`

	session.RequestStats
}

// Stats returns a snapshot.
func (s *Server) Stats() ServerStats {
	s.mu.Lock()
	open := len(s.conns)
	s.mu.Unlock()
	c := &s.counters
	return ServerStats{
		Connections:       open,
		MaxConnections:    s.limits.Load().MaxConnections,
		InFlight:          s.memory.Used(),
		Accepted:          c.accepted.Load(),
		Refused:           c.refused.Load(),
		FramingErrors:     c.framing.Load(),
		Ended:             c.ended.Load(),
		Unread:            c.unread.Load(),
		Handshakes:        c.handshakes.Load(),
		BytesReceived:     c.received.Load(),
		BytesSent:         c.sent.Load(),
		IdleTimeouts:      c.timeouts[forRequest].Load(),
		FrameTimeouts:     c.timeouts[forFrame].Load(),
		WriteTimeouts:     c.timeouts[forWrite].Load(),
		AuthTimeouts:      c.timeouts[forAuth].Load(),
		HandshakeTimeouts: c.timeouts[forHandshake].Load(),
		RequestStats:      s.meter.Stats(s.config.Now()),
	}
}

func (k waitKind) String() string {
	return [...]string{"request", "rest of a request", "answers to be read", "authentication", "end", "handshake"}[k]
}
