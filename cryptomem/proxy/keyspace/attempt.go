package keyspace

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/backoff"
)

// Back-off between attempts: twice as long each time.
const (
	minBackOff = 500 * time.Microsecond
	maxBackOff = 50 * time.Millisecond
)

var errContended = errors.New("others keep changing the value")

// Attempt calls try again for as long as it fails with ErrLost: another client has
// changed what try had read. It waits between attempts, but not before the second, which
// most often finds what is new, and gives up after Config.Attempts.
func (s *Space) Attempt(ctx context.Context, try func() error) error {
	for attempt := 1; ; attempt++ {
		if err := try(); !errors.Is(err, ErrLost) {
			return err
		}
		s.lost.Add(1)
		if attempt >= s.config.Attempts {
			return errContended
		}
		if attempt == 1 {
			continue
		}
		pause := min(minBackOff<<min(attempt, 10), maxBackOff)
		if err := backoff.Rest(ctx, s.config.Clock, rand.Reader, nil, pause); err != nil {
			return err
		}
	}
}
