package cryptomem

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"sync"
	"time"
)

// rest waits for a random time between half of most and most, so that those
// who wait for the same thing do not come back at the same moment. It returns
// early when ctx ends, and with ErrClosed when closed does.
func (o *options) rest(ctx context.Context, closed <-chan struct{}, most time.Duration) error {
	if most < 2 {
		return nil
	}
	var b [8]byte
	_, _ = io.ReadFull(o.randomness(), b[:]) // without randomness there is no jitter, which is no error
	timer := o.clock.Timer(most/2 + time.Duration(binary.BigEndian.Uint64(b[:])%uint64(most/2)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-closed:
		return ErrClosed
	}
}

// rest is options.rest until the client is closed.
func (c *Client) rest(ctx context.Context, most time.Duration) error {
	return c.opts.rest(ctx, c.ctx.Done(), most)
}

func (o *options) randomness() io.Reader {
	if o.random != nil {
		return o.random
	}
	return rand.Reader
}

// serialReader makes a reader safe for concurrent use.
type serialReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (s *serialReader) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Read(p)
}
