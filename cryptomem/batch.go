package cryptomem

import (
	"context"
	"errors"
	"fmt"

	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A Batch collects operations that are sent together and executed in order. It
// is not a transaction: each operation succeeds or fails by itself, and other
// clients' operations may come between. A Batch is not safe for concurrent use.
// Make one with [Client.Batch].
type Batch struct {
	client  *Client
	entries []entry
}

// A Result is the outcome of one operation of a batch. Value is set for gets only.
type Result = ResultOf[[]byte]

// A ResultOf is the outcome of one operation on a value of type T.
type ResultOf[T any] struct {
	Value T
	Err   error
}

// A Pair is a key and the value to store under it.
type Pair = PairOf[[]byte]

// A PairOf is a key and the value of type T to store under it.
type PairOf[T any] struct {
	Key   string
	Value T
}

// entry is one operation of a batch; the operation is nil if err prevented it.
type entry struct {
	op  *operation
	err error
}

// Batch returns an empty batch.
func (c *Client) Batch() *Batch { return &Batch{client: c} }

// Get adds a get of the key.
func (b *Batch) Get(key string) { b.add(CommandGet, key) }

// Delete adds a removal of the key.
func (b *Batch) Delete(key string) { b.add(CommandDelete, key) }

// Set adds storing the value under the key. The value, which must not change
// until Run has returned, is sealed when it is sent.
func (b *Batch) Set(key string, value []byte, opts ...StoreOption) {
	e := b.add(CommandSet, key)
	if e.err == nil {
		e.err = e.op.store(value, opts)
	}
}

func (b *Batch) add(command Command, key string) *entry {
	op, err := b.client.begin(command, key)
	b.entries = append(b.entries, entry{op: op, err: err})
	return &b.entries[len(b.entries)-1]
}

// Len returns the number of operations in the batch.
func (b *Batch) Len() int { return len(b.entries) }

// Run sends the batch and returns the results in the order of the operations.
// The batch is empty afterwards and may be used again.
func (b *Batch) Run(ctx context.Context) []Result {
	b.client.doAll(ctx, b.entries)
	results := make([]Result, len(b.entries))
	for i, e := range b.entries {
		r := &results[i]
		if r.Err = e.err; e.op == nil {
			continue
		}
		if e.err == nil && e.op.Command == CommandGet {
			r.Value, r.Err = b.client.read(ctx, e.op, nil)
		}
		e.op.end()
	}
	clear(b.entries)
	b.entries = b.entries[:0]
	return results
}

// GetMany returns the values under the keys, in the order of the keys, in one
// round trip. A key without a value has ErrNotFound as its error.
func (c *Client) GetMany(ctx context.Context, keys []string) []Result {
	b := Batch{client: c, entries: make([]entry, 0, len(keys))}
	for _, key := range keys {
		b.Get(key)
	}
	return b.Run(ctx)
}

// SetMany stores the pairs in one round trip and returns an error for each, nil
// where it was stored.
func (c *Client) SetMany(ctx context.Context, pairs []Pair, opts ...StoreOption) []error {
	b := Batch{client: c, entries: make([]entry, 0, len(pairs))}
	for _, p := range pairs {
		b.Set(p.Key, p.Value, opts...)
	}
	errs := make([]error, len(pairs))
	for i, r := range b.Run(ctx) {
		errs[i] = r.Err
	}
	return errs
}

// DeleteMany removes the values under the keys in one round trip and returns how
// many there were. A key without a value is not an error. The error joins those
// of the keys whose value may still be there, each preceded by the quoted key,
// shortened if it is long.
func (c *Client) DeleteMany(ctx context.Context, keys []string) (removed int, err error) {
	b := Batch{client: c, entries: make([]entry, 0, len(keys))}
	for _, key := range keys {
		b.Delete(key)
	}
	var errs []error
	for i, r := range b.Run(ctx) {
		switch {
		case r.Err == nil:
			removed++
		case !errors.Is(r.Err, ErrNotFound):
			errs = append(errs, fmt.Errorf("%s: %w", wire.Quote([]byte(keys[i])), r.Err))
		}
	}
	return removed, errors.Join(errs...)
}

// doAll sends the entries that have no error yet, retries those that may be, and
// sets the errors that the answers stand for.
func (c *Client) doAll(ctx context.Context, entries []entry) {
	pending := make([]*entry, 0, len(entries))
	for i := range entries {
		if entries[i].err == nil {
			pending = append(pending, &entries[i])
		}
	}
	if c.opts.observer != nil {
		defer c.observeAll(ctx, pending[:len(pending):len(pending)])()
	}
	requests := make([]*Request, 0, len(pending))
	for attempt := 1; len(pending) > 0; attempt++ {
		requests = requests[:0]
		for _, e := range pending {
			e.op.recall()
			requests = append(requests, &e.op.Request)
		}
		c.below.DoAll(ctx, requests)
		again := pending[:0:0]
		for _, e := range pending {
			if c.again(ctx, e.op, e.op.Err, attempt) {
				again = append(again, e)
			} else {
				e.err = c.outcome(ctx, e.op, e.op.Err)
				e.op.learn(e.err)
			}
		}
		pending = again
	}
}
