package adapter

import (
	"log/slog"
	"sync/atomic"
)

// A counter counts events of one kind.
type counter struct{ atomic.Uint64 }

// tell counts an event, logs it if its number is a power of two, and hands it to
// the error handler.
func (s *Store) tell(c *counter, what string, err error) {
	n := c.Add(1)
	if n&(n-1) == 0 {
		logger := s.options.logger
		if logger == nil {
			logger = slog.Default()
		}
		logger.Warn("cryptomem: "+what, "error", err, "so far", n)
	}
	s.options.onError(err)
}
