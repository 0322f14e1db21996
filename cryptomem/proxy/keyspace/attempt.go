package keyspace

import (
	"context"
	"errors"
	"time"
)

// Back-off between attempts, in which each of several rivals gets its turn.
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
		if err := s.backOff(ctx, attempt); err != nil {
			return err
		}
	}
}

// backOff waits for a random part of a time that doubles with the attempts.
func (s *Space) backOff(ctx context.Context, attempt int) error {
	longest := min(minBackOff<<min(attempt, 10), maxBackOff)
	timer := s.config.Clock.Timer(time.Duration(s.config.Random(int64(longest))) + 1)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
