package cryptomem

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/Zezezknight/cryptomem/transport/pipeline"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// keepBuffer is how large an operation's buffers may be and be kept for reuse.
const keepBuffer = 64 << 10

// An operation is one request in the making and its answer, with the buffers
// that both live in. Operations are reused: none of their bytes may outlive
// end.
type operation struct {
	call      pipeline.Call
	name      []byte // the key as the server sees it
	value     []byte // what is sent
	uncertain bool   // an earlier attempt may have been applied
}

var operations = sync.Pool{New: func() any { return new(operation) }}

// begin returns an operation on the user's key; end gives it back.
func (c *Client) begin(command wire.Command, key []byte) (*operation, error) {
	if c.err != nil {
		return nil, c.err
	}
	if len(key) == 0 {
		return nil, errors.New("key is empty")
	}
	op := operations.Get().(*operation)
	op.name = c.sealer.AppendWireName(op.name[:0], key)
	if len(op.name) > wire.MaxKeySize {
		op.end()
		return nil, fmt.Errorf("%w: key is %d bytes with its namespace, limit %d", ErrTooLarge, len(op.name), wire.MaxKeySize)
	}
	op.value, op.uncertain, op.call.MaybeApplied = op.value[:0], false, false
	op.call.Request = wire.Request{Command: command, Key: op.name}
	return op, nil
}

// beginBare returns an operation on no key, or on one that the server reads.
func (c *Client) beginBare(command wire.Command, name, value []byte) (*operation, error) {
	if c.err != nil {
		return nil, c.err
	}
	op := operations.Get().(*operation)
	op.uncertain, op.call.MaybeApplied = false, false
	op.call.Request = wire.Request{Command: command, Key: name, Value: value}
	return op, nil
}

func (op *operation) end() {
	if cap(op.value) > keepBuffer {
		op.value = nil
	}
	if cap(op.call.Buffer) > keepBuffer {
		op.call.Buffer = nil
	}
	op.call.Request, op.call.Response, op.call.Err = wire.Request{}, wire.Response{}, nil
	operations.Put(op)
}

// do sends the operation, again where the rules of repetition allow, and
// returns the error that its answer stands for.
func (c *Client) do(ctx context.Context, op *operation) error {
	if c.opts.observer == nil {
		return c.attempt(ctx, op)
	}
	return c.observed(ctx, op)
}

func (c *Client) attempt(ctx context.Context, op *operation) error {
	l := c.link()
	for attempt := 1; ; attempt++ {
		conn, err := c.connection(ctx, l)
		if err == nil {
			if err = conn.Do(ctx, &op.call); err == nil {
				return op.result()
			}
		}
		if !c.again(ctx, op, err, attempt) {
			return c.failure(ctx, op, err)
		}
	}
}

// link returns the link to use next.
func (c *Client) link() *link {
	if len(c.links) == 1 {
		return &c.links[0]
	}
	return &c.links[int(c.next.Add(1))%len(c.links)]
}

// again reports whether an operation that ended in err, which is no answer, is
// to be tried once more.
func (c *Client) again(ctx context.Context, op *operation, err error, attempt int) bool {
	op.uncertain = op.uncertain || op.call.MaybeApplied
	var refused *ServerError
	switch {
	case attempt >= c.opts.attempts, c.ctx.Err() != nil, ctx.Err() != nil, errors.As(err, &refused):
		return false
	case op.call.MaybeApplied:
		return op.call.Request.Command.Has(wire.Repeatable) && !errors.Is(err, pipeline.ErrSilent)
	}
	return true
}

// result returns the error that the operation's answer stands for.
func (op *operation) result() error {
	err := answerError(&op.call.Response)
	if op.uncertain && op.call.Request.Command == wire.Delete && errors.Is(err, ErrNotFound) {
		return nil // gone, as was asked; most likely by the first attempt
	}
	return err
}

// failure returns the error of an operation that got no answer.
func (c *Client) failure(ctx context.Context, op *operation, err error) error {
	switch {
	case c.ctx.Err() != nil && !errIsContext(ctx, err):
		err = ErrClosed
	case errors.Is(err, pipeline.ErrSilent):
		err = fmt.Errorf("%w: %w", ErrTimeout, err)
	case ctx.Err() != nil && !errIsContext(ctx, err): // no time was left to try again
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	if op.uncertain && op.call.Request.Command.Has(wire.Writes) {
		return fmt.Errorf("%w: %w", ErrMaybeApplied, err)
	}
	return err
}
