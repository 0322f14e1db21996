package proxy

import "sync/atomic"

// counts are of what a Proxy has done.
type counts struct {
	connections atomic.Int64
	commands    atomic.Int64
	failures    atomic.Int64 // answers that an upstream's error took the place of
	refused     atomic.Int64
}

// note counts a failure of the upstream.
func (p *Proxy) note(error) { p.counts.failures.Add(1) }

// refused counts a command that is not spoken, or spoken wrongly.
func (s *Session) refused([][]byte) { s.proxy.counts.refused.Add(1) }
