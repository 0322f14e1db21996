package cryptomem

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/wire"
)

// A Client seals values and keeps them in a store that cannot read them. It is
// safe for any number of goroutines, which share its connections and their
// writes; one Client a process and namespace is the way to use it.
//
// Get, Set and Delete take strings, use the client's TTL and wait at most for
// its timeouts. Their Context forms, and all other methods, take the caller's
// context and bytes. Keys and values handed in are not kept once a method has
// returned; values handed out are the caller's own.
//
// A broken connection is made anew by the next call. What was never sent is
// sent again, and so is what does no harm twice: reading, and deleting. A
// write whose answer is lost ends in ErrMaybeApplied.
type Client struct {
	addr   string
	opts   *options
	err    error // why the client cannot work at all: bad options
	sealer *sealing.Sealer
	links  []link
	next   atomic.Uint32 // which link is next, when there are several

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	turn     chan struct{} // held while dialling; guards failures
	failures int           // dials failed in a row

	closing sync.Mutex // guards closed, and orders spawn before the wait in Close
	closed  bool
	ended   sync.WaitGroup

	flights flights
}

// New returns a client that seals under a secret of 32 bytes and stores what
// Set is given for ttl, 0 meaning for good. It never fails and does not
// connect: a wrong secret, or a server that is not there, surfaces at the first
// call. See Dial for everything that can be chosen.
func New(addr string, ttl time.Duration, secret string) *Client {
	return newClient(addr, []Option{WithSecret([]byte(secret)), WithDefaultTTL(ttl)})
}

// Dial returns a client connected to addr, which is "host:port", or
// "unix:/path" for a Unix socket. It fails if an option is wrong or the server
// cannot be reached before ctx ends.
func Dial(ctx context.Context, addr string, opts ...Option) (*Client, error) {
	c := newClient(addr, opts)
	if c.err != nil {
		return nil, c.err
	}
	if _, err := c.connection(ctx, &c.links[0]); err != nil {
		_ = c.Close() // always nil
		return nil, err
	}
	return c, nil
}

func newClient(addr string, opts []Option) *Client {
	o, err := newOptions(opts)
	c := &Client{addr: addr, opts: o, err: err, turn: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if err != nil {
		return c
	}
	o.limits.MaxAnswer, o.limits.Silence = o.maxValueSize+wire.ItemSize, o.timeout
	if o.tls != nil && o.tls.ServerName == "" {
		o.tls.ServerName = serverName(addr)
	}
	sealOpts := append(o.sealing, sealing.WithClock(o.clock))
	if o.random != nil {
		sealOpts = append(sealOpts, sealing.WithRandom(o.random))
	}
	c.sealer, c.err = sealing.New(o.keyring, sealOpts...)
	if o.ownKeyring {
		_ = o.keyring.Close() // the sealer has derived what it needs
	}
	c.links = make([]link, o.connections)
	return c
}

// Rekey takes the keyring's keys into use in place of those the client has,
// which is how a running process takes part in a rotation.
func (c *Client) Rekey(kr *sealing.Keyring) error {
	if c.err != nil {
		return c.err
	}
	if err := c.sealer.Rekey(kr); err != nil {
		return openError(err)
	}
	return nil
}

// Close ends the connections and fails the calls in flight with ErrClosed. It
// returns when everything that the client started has ended, and always nil.
func (c *Client) Close() error {
	c.closing.Lock()
	c.closed = true
	c.closing.Unlock()
	c.cancel()
	for i := range c.links {
		if conn := c.links[i].conn.Load(); conn != nil {
			_ = conn.Close() // always nil
		}
	}
	c.ended.Wait()
	if c.sealer != nil {
		_ = c.sealer.Close() // always nil
	}
	return nil
}

// spawn runs f in a goroutine that Close waits for, unless the client is
// closed already.
func (c *Client) spawn(f func()) bool {
	c.closing.Lock()
	defer c.closing.Unlock()
	if !c.closed {
		c.ended.Go(f)
	}
	return !c.closed
}

// Set stores the value under the key for the client's TTL, in place of what
// was there.
func (c *Client) Set(key, value string) error {
	return c.SetContext(context.Background(), []byte(key), []byte(value))
}

// Get returns the value under the key; ErrNotFound if there is none.
func (c *Client) Get(key string) ([]byte, error) {
	return c.GetContext(context.Background(), []byte(key))
}

// Delete removes the value under the key; ErrNotFound if there is none.
func (c *Client) Delete(key string) error {
	return c.DeleteContext(context.Background(), []byte(key))
}

// SetContext stores the value under the key in place of what was there, for the
// client's TTL unless TTL says otherwise.
func (c *Client) SetContext(ctx context.Context, key, value []byte, opts ...StoreOption) error {
	return c.store(ctx, wire.Set, key, value, opts)
}

// GetContext returns the value under the key; ErrNotFound if there is none.
func (c *Client) GetContext(ctx context.Context, key []byte) ([]byte, error) {
	return c.GetAppend(ctx, nil, key)
}

// GetAppend appends the value under the key to dst and returns the extended
// slice, without allocating if dst has room. On an error it returns dst as it
// was.
func (c *Client) GetAppend(ctx context.Context, dst, key []byte) ([]byte, error) {
	op, err := c.begin(wire.Get, key)
	if err != nil {
		return dst, err
	}
	defer op.end()
	if err := c.do(ctx, op); err != nil {
		return dst, err
	}
	return c.open(dst, key, op.call.Response.Value)
}

// DeleteContext removes the value under the key; ErrNotFound if there is none.
// If the connection was lost over a first attempt, a key that is gone counts as
// removed.
func (c *Client) DeleteContext(ctx context.Context, key []byte) error {
	op, err := c.begin(wire.Delete, key)
	if err != nil {
		return err
	}
	defer op.end()
	return c.do(ctx, op)
}

func (c *Client) store(ctx context.Context, command wire.Command, key, value []byte, opts []StoreOption) error {
	op, err := c.begin(command, key)
	if err != nil {
		return err
	}
	defer op.end()
	if err := c.seal(op, key, value, opts); err != nil {
		return err
	}
	return c.do(ctx, op)
}

// seal makes value, sealed, the value of op's request, behind what is in
// op.value already.
func (c *Client) seal(op *operation, key, value []byte, opts []StoreOption) error {
	ttl := c.opts.ttl
	if len(opts) > 0 {
		ttl = opts[len(opts)-1].ttl
	}
	if err := checkTTL(ttl); err != nil {
		return err
	}
	if n := len(value) + sealing.Overhead; n > c.opts.maxValueSize {
		return fmt.Errorf("%w: sealed value is %d bytes, limit %d", ErrTooLarge, n, c.opts.maxValueSize)
	}
	now := c.opts.clock.Now()
	var expiry time.Time
	if ttl > 0 {
		expiry = now.Add(ttl)
	}
	prefix := len(op.value)
	var err error
	if op.value, err = c.sealer.Seal(op.value, key, value, expiry, sealing.StampAt(now)); err != nil {
		return openError(err)
	}
	if n := len(op.value) - prefix; n > c.opts.maxValueSize { // padding grew it
		return fmt.Errorf("%w: sealed value is %d bytes, limit %d", ErrTooLarge, n, c.opts.maxValueSize)
	}
	op.call.Request.Value, op.call.Request.TTL = op.value, ttl
	return nil
}

// open appends to dst the value in an envelope that was found under key.
func (c *Client) open(dst, key, envelope []byte) ([]byte, error) {
	value, err := c.sealer.Open(dst, key, envelope, c.opts.clock.Now())
	if err != nil {
		return dst, openError(err)
	}
	if value == nil {
		value = []byte{} // an empty value is a value
	}
	return value, nil
}

// errIsContext reports whether err is the end of the caller's own context.
func errIsContext(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, ctx.Err())
}
