package cryptomem

import (
	"context"
	"errors"
)

// An Observer sees every request that a Client makes: for traces, metrics or
// logs. It must be safe for concurrent use. It never sees a value, and no key
// but by its own doing.
//
// What a call gets over without a request is shown as one that ends at once in
// that error: a loaded value that is too large to store, and a stored one that
// Typed cannot decode.
type Observer interface {
	// Begin is called before a request is sent, with its caller's context. The
	// context that it returns is the one the request runs under; those of a
	// batch all run under the caller's own. The function is called once, when
	// the request has ended.
	Begin(ctx context.Context, command Command) (context.Context, func(Outcome))
}

// A WithheldObserver is an Observer that is also told of values which the store
// handed out and no caller gets.
type WithheldObserver interface {
	Observer

	// Withheld is called with why: an ErrStale, ErrExpired or ErrNotAuthentic.
	Withheld(command Command, err error)
}

// An Outcome is how a request ended.
type Outcome struct {
	// Err is what the method returns, before the value is opened. ErrNotFound,
	// ErrExists and ErrChanged are answers, not failures.
	Err error

	// Sent and Received are the sizes of the sealed values, in bytes.
	Sent, Received int

	// Near tells that no server was asked: the answer is a copy which the store
	// keeps close by.
	Near bool
}

// Failed reports whether the request got no proper answer.
func (o Outcome) Failed() bool {
	return o.Err != nil && !errors.Is(o.Err, ErrNotFound) && !errors.Is(o.Err, ErrExists) && !errors.Is(o.Err, ErrChanged)
}

// WithObserver shows every request to o.
func WithObserver(o Observer) Option {
	return func(opts *options) error {
		if o == nil {
			return errors.New("WithObserver: no observer")
		}
		opts.observer = o
		return nil
	}
}

func (c *Client) observed(ctx context.Context, op *operation) error {
	ctx, end := c.opts.observer.Begin(ctx, op.Command)
	err := c.attempt(ctx, op)
	end(Outcome{Err: err, Sent: len(op.Value), Received: len(op.Answer), Near: op.Near})
	return err
}

// observeWithheld tells the observer, if it wants to know, of a value that is not
// handed out.
func (c *Client) observeWithheld(command Command, err error) {
	if o, ok := c.opts.observer.(WithheldObserver); ok {
		o.Withheld(command, err)
	}
}

// observeUnsent shows a request that was never sent, and why, where no caller is
// told.
func (c *Client) observeUnsent(ctx context.Context, command Command, err error) {
	if c.opts.observer != nil {
		_, end := c.opts.observer.Begin(ctx, command)
		end(Outcome{Err: err})
	}
}

// observeAll begins the observation of many requests and returns what ends it.
func (c *Client) observeAll(ctx context.Context, entries []*entry) (end func()) {
	ends := make([]func(Outcome), len(entries))
	for i, e := range entries {
		_, ends[i] = c.opts.observer.Begin(ctx, e.op.Command)
	}
	return func() {
		for i, e := range entries {
			ends[i](Outcome{Err: e.err, Sent: len(e.op.Value), Received: len(e.op.Answer), Near: e.op.Near})
		}
	}
}
