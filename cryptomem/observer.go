package cryptomem

import (
	"context"
	"errors"
)

// An Observer sees every request that a Client makes, for traces, metrics or logs.
// It must be safe for concurrent use. It is given neither values nor keys.
//
// An error that a call hides from its caller without a request is shown as a
// request that fails at once: a loaded value is too large to store, or Typed cannot
// decode a stored one.
type Observer interface {
	// Begin is called before a request is sent, with its caller's context. The
	// request runs under the returned context, except in a batch, whose requests
	// run under the caller's. The returned function is called once, when the
	// request has ended.
	Begin(ctx context.Context, command Command) (context.Context, func(Outcome))
}

// A WithheldObserver is an Observer that is also notified of values that the store
// returned and the client withheld.
type WithheldObserver interface {
	Observer

	// Withheld is called with the reason: an ErrStale, ErrExpired or
	// ErrNotAuthentic.
	Withheld(command Command, err error)
}

// An Outcome describes how a request ended.
type Outcome struct {
	// Err is the error of the request, before the value is opened. ErrNotFound,
	// ErrExists and ErrChanged are answers, not failures.
	Err error

	// Sent and Received are the sizes of the sealed values, in bytes.
	Sent, Received int

	// Near is set if the answer came from the store's near cache and not from a
	// server.
	Near bool
}

// Failed reports whether the request failed. ErrNotFound, ErrExists and ErrChanged
// do not count as failures.
func (o Outcome) Failed() bool {
	return o.Err != nil && !errors.Is(o.Err, ErrNotFound) && !errors.Is(o.Err, ErrExists) && !errors.Is(o.Err, ErrChanged)
}

// WithObserver makes the client report every request to o.
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

// observeWithheld reports a withheld value to a WithheldObserver.
func (c *Client) observeWithheld(command Command, err error) {
	if o, ok := c.opts.observer.(WithheldObserver); ok {
		o.Withheld(command, err)
	}
}

// observeUnsent reports a request that was never sent, when no caller gets the
// error.
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
