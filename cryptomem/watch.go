package cryptomem

import (
	"context"
	"errors"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/backoff"
)

// A watch waits for a change under a key. The caller polls after a pause; a store
// that is notified of changes ends the pause at once.
//
//	w := c.watch(key)
//	defer w.end()
//	for {
//		w.begin()
//		// ask the store
//		w.rest(ctx, pause)
//	}
type watch struct {
	client *Client
	// Nil if the store is not notified of changes.
	store   Watcher
	name    []byte
	changed <-chan struct{}
	stop    func()
}

func (c *Client) watch(key string) *watch {
	w := &watch{client: c}
	if store, ok := c.below.(Watcher); ok {
		w.store, w.name = store, c.sealer.AppendWireName(nil, []byte(key))
	}
	return w
}

// begin is called before the store is asked: rest notices changes from then on.
func (w *watch) begin() {
	w.end()
	if w.store != nil {
		w.changed, w.stop = w.store.Watch(w.name)
	}
}

// rest waits for a change, for a random time of at most that long, or until ctx
// ends or the client is closed, which are errors.
func (w *watch) rest(ctx context.Context, most time.Duration) error {
	c := w.client
	if w.changed == nil {
		return c.rest(ctx, most)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	err := backoff.Rest(ctx, c.opts.clock, c.opts.randomness(), w.changed, most)
	switch {
	case errors.Is(err, backoff.ErrEnded):
		return nil
	case err != nil && c.ctx.Err() != nil:
		return ErrClosed
	}
	return err
}

func (w *watch) end() {
	if w.stop != nil {
		w.stop()
		w.changed, w.stop = nil, nil
	}
}
