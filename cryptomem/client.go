package cryptomem

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Zezezknight/cryptomem/sealing"
)

// A Client seals values and keeps them in a Store that cannot read them. It is
// safe for any number of goroutines, which share its connections and their
// writes; one Client a process and namespace is the way to use it.
//
// Every method takes the caller's context. Keys are strings, values bytes that
// are not kept once a method has returned; values handed out are the caller's
// own. What is stored without a TTL of its own gets the client's.
//
// A broken connection is made anew by the next call. What was never sent is
// sent again, and so is what does no harm twice: reading, and deleting. A
// write whose answer is lost ends in ErrMaybeApplied.
type Client struct {
	opts   *options
	err    error // why the client cannot work at all: bad options
	sealer *sealing.Sealer
	below  Store

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	background
	flights flights
}

// Dial returns a client of the server at addr, which is "host:port", or
// "unix:/path" for a Unix socket. It fails if an option is wrong or the server
// cannot be reached before ctx ends.
func Dial(ctx context.Context, addr string, opts ...Option) (*Client, error) {
	c := newServerClient(addr, opts)
	if c.err != nil {
		return nil, c.err
	}
	s := c.below.(*connections)
	if _, err := s.connection(ctx, &s.links[0]); err != nil {
		_ = c.Close() // always nil
		return nil, err
	}
	return c, nil
}

// Open is Dial without waiting: it fails only if an option is wrong. The first
// call connects, and until a connection stands every call tries again.
func Open(addr string, opts ...Option) (*Client, error) {
	c := newServerClient(addr, opts)
	if c.err != nil {
		return nil, c.err
	}
	return c, nil
}

// NewClient returns a client of any store, which it closes when it is closed.
// Options about connections are the store's business and refused here.
func NewClient(store Store, opts ...Option) (*Client, error) {
	if store == nil {
		return nil, errors.New("NewClient: no store")
	}
	o, err := newOptions(opts)
	if err == nil && len(o.connecting) > 0 {
		err = fmt.Errorf("%s is about connections, which are the store's", o.connecting[0])
	}
	c := newClient(o, err)
	if c.err != nil {
		return nil, c.err
	}
	c.below = store
	return c, nil
}

// newServerClient returns a client of the server at addr that is not connected
// yet.
func newServerClient(addr string, opts []Option) *Client {
	o, err := newOptions(opts)
	c := newClient(o, err)
	if c.err == nil {
		c.below = newConnections(addr, o)
	}
	return c
}

// newClient returns a client without a store; err is what is wrong with o.
func newClient(o *options, err error) *Client {
	c := &Client{opts: o, err: err}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if err != nil {
		return c
	}
	sealOpts := append(o.sealing, sealing.WithClock(o.clock))
	if o.random != nil {
		sealOpts = append(sealOpts, sealing.WithRandom(o.random))
	}
	c.sealer, c.err = sealing.New(o.keyring, sealOpts...)
	if o.ownKeyring {
		_ = o.keyring.Close() // the sealer has derived what it needs
	}
	return c
}

// Get returns the value under the key; ErrNotFound if there is none.
func (c *Client) Get(ctx context.Context, key string) ([]byte, error) {
	return c.GetAppend(ctx, nil, key)
}

// GetAppend appends the value under the key to dst and returns the extended
// slice, without allocating if dst has room. On an error it returns dst as it
// was.
func (c *Client) GetAppend(ctx context.Context, dst []byte, key string) ([]byte, error) {
	op, err := c.begin(CommandGet, key)
	if err != nil {
		return dst, err
	}
	defer op.end()
	if err := c.do(ctx, op); err != nil {
		return dst, err
	}
	return op.open(dst)
}

// Set stores the value under the key in place of what was there, for the
// client's TTL unless TTL says otherwise.
func (c *Client) Set(ctx context.Context, key string, value []byte, opts ...StoreOption) error {
	return c.store(ctx, CommandSet, key, value, opts)
}

// Delete removes the value under the key; ErrNotFound if there is none. If the
// connection was lost over a first attempt, a key that is gone counts as
// removed.
func (c *Client) Delete(ctx context.Context, key string) error {
	op, err := c.begin(CommandDelete, key)
	if err != nil {
		return err
	}
	defer op.end()
	return c.do(ctx, op)
}

func (c *Client) store(ctx context.Context, command Command, key string, value []byte, opts []StoreOption) error {
	op, err := c.begin(command, key)
	if err != nil {
		return err
	}
	defer op.end()
	if err := op.store(value, opts); err != nil {
		return err
	}
	return c.do(ctx, op)
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
// returns when everything that the client started has ended, and nil unless the
// store does not close well.
func (c *Client) Close() error {
	c.shut()
	c.cancel()
	var err error
	if c.below != nil {
		err = c.below.Close()
	}
	c.wait()
	if c.sealer != nil {
		_ = c.sealer.Close() // always nil
	}
	return err
}

// A Basic is a client with strings in place of contexts, keys and options: all
// that many programs need. Its calls wait at most for the client's timeouts.
type Basic struct{ client *Client }

// New returns a client that seals under a secret of 32 bytes and stores what
// Set is given for ttl, 0 meaning for good. It never fails and does not
// connect: a wrong secret, or a server that is not there, surfaces at the first
// call. See Dial for everything that can be chosen.
func New(addr string, ttl time.Duration, secret string) *Basic {
	return &Basic{newServerClient(addr, []Option{WithSecret([]byte(secret)), WithDefaultTTL(ttl)})}
}

// Set stores the value under the key for the client's TTL, in place of what
// was there.
func (b *Basic) Set(key, value string) error {
	return b.client.Set(context.Background(), key, []byte(value))
}

// Get returns the value under the key; ErrNotFound if there is none.
func (b *Basic) Get(key string) ([]byte, error) {
	return b.client.Get(context.Background(), key)
}

// Delete removes the value under the key; ErrNotFound if there is none.
func (b *Basic) Delete(key string) error {
	return b.client.Delete(context.Background(), key)
}

// Close ends the connections and fails the calls in flight with ErrClosed.
func (b *Basic) Close() error { return b.client.Close() }

// Client returns the client beneath, with everything that it can do.
func (b *Basic) Client() *Client { return b.client }
