package cryptomem

import (
	"context"
	"errors"
	"fmt"

	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/sealing/freshness"
)

// A Client seals values and keeps them in a Store that cannot read them. It is
// safe for any number of goroutines, which share its connections and their
// writes; one Client a process and namespace is the way to use it.
//
// Every method takes the caller's context. Keys are strings, values bytes that
// are not kept once a method has returned; values handed out are the caller's
// own. What is stored without a TTL of its own gets the client's.
//
//   - Read: [Client.Get], [Client.GetAppend], [Client.GetItem], [Client.Exists]
//   - Write: [Client.Set], [Client.Delete], [Client.Remove], [Client.GetDelete]
//   - Conditional: [Client.Add], [Client.Replace], [Client.CompareAndSwap],
//     [Client.Update], [Client.Touch], [Client.Increment]
//   - Many: [Client.GetMany], [Client.SetMany], [Client.DeleteMany],
//     [Client.Batch], [Client.AccessAll], [Client.SwapAll], [Client.Together]
//   - Load: [Client.GetOrLoad], [Client.Invalidate], [Client.FallbackContext]
//   - Lock: [Client.TryLock], [Client.Lock]
//   - List: [Client.Keys], [Client.ScanKeys]
//   - Administration: [Client.Ping], [Client.Stats], [Client.Flush],
//     [Client.Rekey], [Client.NotBefore], [Client.Namespace], [Client.Close]
//
// Values of a type have the same methods: see [Typed].
//
// A broken connection is made anew by the next call. What was never sent is
// sent again, and so is what does no harm twice: reading, and deleting. A
// write whose answer is lost ends in ErrMaybeApplied.
type Client struct {
	opts *options
	// Why the client cannot work at all: bad options.
	err    error
	sealer *sealing.Sealer
	// Nil: remembers nothing.
	fresh *freshness.Table
	below Store

	// Ends with Close.
	ctx    context.Context
	cancel context.CancelFunc

	background
	flights  flights
	leaving  owners
	updates  keyLocks
	counters counters
}

// Dial returns a client of the server at addr, which is "host:port", or
// "unix:/path" for a Unix socket. It fails if an option is wrong or the server
// cannot be reached before ctx ends.
//
// Several addresses, separated by commas, are a ring: the names are spread over
// the servers, see NewRing. The texts are the servers' names there, so all clients
// write them alike. Dial then fails only if none of the servers can be reached, or
// if one refuses the client.
func Dial(ctx context.Context, addr string, opts ...Option) (*Client, error) {
	c := newServerClient(addr, opts)
	if c.err != nil {
		return nil, c.err
	}
	if err := connectAll(ctx, c.below); err != nil {
		// always nil
		_ = c.Close()
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

// newServerClient returns a client of the server at addr, or of several, that is
// not connected yet.
func newServerClient(addr string, opts []Option) *Client {
	o, err := newOptions(opts)
	c := newClient(o, err)
	if c.err == nil {
		if c.below, c.err = openServers(addr, o, c.sealer.Namespace()); c.err != nil {
			// always nil: there is no store
			_ = c.Close()
		}
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
		// the sealer has derived what it needs
		_ = o.keyring.Close()
	}
	if c.err == nil {
		c.err = c.remember()
	}
	if o.keyFile != nil && c.err == nil {
		ticker := o.clock.Ticker(KeyFileInterval)
		c.spawn(func() { c.followKeyFile(o.keyFile, ticker) })
	}
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
	c.followCut()
	return nil
}

// Namespace returns the namespace that the client works in, "" for none.
func (c *Client) Namespace() string {
	if c.sealer == nil {
		return ""
	}
	return c.sealer.Namespace()
}

// Close ends the connections and fails the calls in flight with ErrClosed. Loads
// under way end, and give their leases back first, for WithFallbackTimeout at the most.
// Close returns when everything that the client started has ended, and nil unless
// the store does not close well.
func (c *Client) Close() error {
	c.shut()
	c.cancel()
	var err error
	if c.below != nil {
		c.waitFor(c.opts.clock, c.opts.fallbackTimeout)
		err = c.below.Close()
	}
	c.wait()
	if c.sealer != nil {
		// always nil
		_ = c.sealer.Close()
	}
	return err
}
