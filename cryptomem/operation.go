package cryptomem

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sealing/freshness"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// keepBuffer is the size of the largest buffer that is kept for reuse, in bytes.
const keepBuffer = 64 << 10

// An operation is one request and its answer, with the buffers of both. Operations
// are reused, so their bytes must not be used after end.
type operation struct {
	Request
	client *Client
	// The caller's key.
	key []byte
	// The name in the store.
	name []byte
	// The plaintext to be sealed. It is the caller's.
	value []byte
	life  lifetime
	// The sealed value that is sent.
	envelope []byte
	// An earlier attempt may have been applied.
	uncertain bool

	// The freshness of the name when the last attempt began.
	known freshness.Snapshot
	// The stamp of a removal.
	stamp sealing.Stamp
	// The envelope's identity for freshness.
	sent freshness.Envelope
	// The FLUSH removes everything that the client can name.
	everything bool
}

var operations = sync.Pool{New: func() any { return new(operation) }}

// begin returns an operation on the caller's key; end releases it.
func (c *Client) begin(command Command, key string) (*operation, error) {
	if key == "" && c.err == nil {
		return nil, errEmptyKey
	}
	return beginKey(c, command, key)
}

var errEmptyKey = errors.New("key is empty")

func beginKey[T string | []byte](c *Client, command Command, key T) (*operation, error) {
	if c.err != nil {
		return nil, c.err
	}
	op := operations.Get().(*operation)
	op.key = append(op.key[:0], key...)
	op.name = c.sealer.AppendWireName(op.name[:0], op.key)
	if len(key)+len(op.name) == 0 {
		op.end()
		return nil, errEmptyKey
	}
	if len(op.name) > wire.MaxKeySize {
		n := len(op.name)
		op.end()
		return nil, fmt.Errorf("%w: key is %d bytes with its namespace, limit %d", ErrTooLarge, n, wire.MaxKeySize)
	}
	op.Request = Request{Command: command, Name: op.name, Answer: op.Answer}
	op.client, op.uncertain, op.everything = c, false, false
	return op, nil
}

// beginBare returns an operation whose name, if any, is sent as given.
func (c *Client) beginBare(command Command, name, value []byte) (*operation, error) {
	if c.err != nil {
		return nil, c.err
	}
	op := operations.Get().(*operation)
	op.Request = Request{Command: command, Name: name, Value: value, Answer: op.Answer}
	op.client, op.uncertain, op.everything = c, false, false
	return op, nil
}

func (op *operation) end() {
	if cap(op.envelope) > keepBuffer {
		op.envelope = nil
	}
	if cap(op.Answer) > keepBuffer {
		op.Answer = nil
	}
	op.Request = Request{Answer: op.Answer[:0]}
	op.client, op.value, op.life = nil, nil, lifetime{}
	operations.Put(op)
}

// store makes op store the value, which is sealed once the operation can be sent.
func (op *operation) store(value []byte, opts []StoreOption) error {
	life, err := op.client.lifetime(opts)
	if err == nil && life.keep {
		err = errKeepUnread
	}
	if err != nil {
		return err
	}
	return op.storeFor(value, life)
}

// storeFor is store for a lifetime that needs no reading.
func (op *operation) storeFor(value []byte, life lifetime) error {
	if n, limit := len(value)+sealing.Overhead, op.client.opts.maxValueSize; n > limit {
		return tooLarge(len(value), n, limit)
	}
	op.value, op.life, op.Sealer = value, life, op
	return nil
}

// SealRequest implements Sealer.
func (op *operation) SealRequest(r *Request) error {
	c := op.client
	now := c.opts.clock.Now()
	expiry, ttl := op.life.from(now)
	stamp := op.life.stamp
	if !op.life.resealed {
		stamp = c.stamp(now)
	}
	sealed := stamp
	if c.opts.unstamped {
		sealed = 0
	}
	var err error
	if op.envelope, err = c.sealer.Seal(op.envelope[:0], op.key, op.value, expiry, sealed); err != nil {
		return openError(err)
	}
	if op.sent, err = identify(op.envelope); err != nil {
		return err
	}
	// known here, whether or not the envelope says it
	op.sent.Stamp = stamp
	// padding grew it
	if n := len(op.envelope); n > c.opts.maxValueSize {
		return tooLarge(len(op.value), n, c.opts.maxValueSize)
	}
	r.Value, r.TTL = op.envelope, ttl
	return nil
}

func tooLarge(size, sealed, limit int) error {
	return fmt.Errorf("%w: value is %d bytes, and %d sealed, limit %d (see WithMaxValueSize)", ErrTooLarge, size, sealed, limit)
}

// do sends the operation, retries it if that is allowed, and returns the error that
// the answer stands for.
func (c *Client) do(ctx context.Context, op *operation) error {
	if c.opts.observer == nil {
		return c.attempt(ctx, op)
	}
	return c.observed(ctx, op)
}

func (c *Client) attempt(ctx context.Context, op *operation) error {
	for attempt := 1; ; attempt++ {
		op.recall()
		err := c.below.Do(ctx, &op.Request)
		if !c.again(ctx, op, err, attempt) {
			err = c.outcome(ctx, op, err)
			op.learn(err)
			return err
		}
	}
}

// again reports whether to retry an operation that ended in err.
func (c *Client) again(ctx context.Context, op *operation, err error, attempt int) bool {
	if err == nil {
		return false
	}
	op.uncertain = op.uncertain || errors.Is(err, ErrMaybeApplied)
	switch {
	case attempt >= c.opts.attempts, c.ctx.Err() != nil, ctx.Err() != nil, errors.Is(err, ErrTimeout):
		return false
	case errors.Is(err, ErrMaybeApplied):
		return op.Command.Has(wire.Repeatable)
	}
	return errors.Is(err, ErrUnavailable) && !retries(c.below)
}

// retries reports whether the store itself tries again what was not applied.
func retries(s Store) bool {
	r, ok := s.(Retrier)
	return ok && r.Retries()
}

// outcome returns the error of an operation whose last attempt ended in err.
func (c *Client) outcome(ctx context.Context, op *operation, err error) error {
	switch {
	case err == nil:
		return nil
	case op.uncertain && op.Command == CommandDelete && errors.Is(err, ErrNotFound):
		return nil // gone, as was asked; most likely by the first attempt
	case c.ctx.Err() != nil && errors.Is(err, ErrUnavailable):
		err = ErrClosed
	case isFallbackTimeout(ctx) && errIsContext(ctx, err):
		err = tooSlow()
	case isFallbackTimeout(ctx) && errors.Is(err, ErrUnavailable):
		err = fmt.Errorf("%w: %w", tooSlow(), err)
	case ctx.Err() != nil && errors.Is(err, ErrUnavailable) && !errIsContext(ctx, err):
		// no time was left to try again
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	case op.Sealer != nil && errors.Is(err, ErrTooLarge):
		var refused *ServerError
		if errors.As(err, &refused) {
			err = fmt.Errorf("%w; that is sealed, the value itself is %d", err, len(op.value))
		}
	}
	if op.uncertain && !errors.Is(err, ErrMaybeApplied) && !answered(err) {
		return fmt.Errorf("%w: %w", ErrMaybeApplied, err)
	}
	return err
}

// answered reports whether err is an answer of the store.
func answered(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrExists) || errors.Is(err, ErrChanged)
}

// open appends to dst the value in the envelope that op was answered with.
func (op *operation) open(dst []byte) ([]byte, error) {
	value, err := op.openAs(dst)
	switch {
	case err == nil:
	case errors.Is(err, ErrNotAuthentic) && op.isNote():
		return dst, ErrNotFound
	case op.Near:
		// and will be asked for anew
		return dst, err
	default:
		op.client.observeWithheld(op.Command, err)
		return dst, err
	}
	if value == nil {
		// an empty value is a value
		value = []byte{}
	}
	return value, nil
}

// openAs is open for an envelope sealed under op.key, which may be a note's.
func (op *operation) openAs(dst []byte) ([]byte, error) {
	now := op.client.opts.clock.Now()
	value, err := op.client.sealer.Open(dst, op.key, op.Answer, now)
	if err == nil {
		if err = op.judge(now); err != nil {
			clear(value[len(dst):])
		}
	}
	if err != nil {
		return dst, openError(err)
	}
	return value, nil
}

// errIsContext reports whether err is the end of the caller's own context.
func errIsContext(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, ctx.Err())
}
