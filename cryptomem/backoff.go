package cryptomem

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/backoff"
)

// rest is backoff.Rest by the client's clock. It returns early when ctx ends, and
// with ErrClosed when closed does.
func (o *options) rest(ctx context.Context, closed <-chan struct{}, most time.Duration) error {
	err := backoff.Rest(ctx, o.clock, o.randomness(), closed, most)
	if errors.Is(err, backoff.ErrEnded) {
		return ErrClosed
	}
	return err
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
