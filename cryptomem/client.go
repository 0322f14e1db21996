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
// Methods do not keep the values they are given, and the values they return
// belong to the caller. A value stored without a TTL of its own gets the
// client's.
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
// For values of a Go type see [Typed], which has the same methods.
//
// After a connection breaks, the next call makes a new one. Requests that were
// never sent are sent again, and so are reads and deletes, which are safe to
// repeat. A write whose answer is lost fails with ErrMaybeApplied.
type Client struct {
	opts *options
	// Not nil if the options are invalid: every call fails with it.
	err    error
	sealer *sealing.Sealer
	// fresh is nil with WithoutFreshness.
	fresh *freshness.Table
	below Store

	// Canceled by Close.
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
// Several addresses, separated by commas, form a ring: keys are spread over the
// servers, see NewRing. The addresses are the servers' names in the ring, so all
// clients must spell them alike. Dial then fails only if none of the servers can
// be reached or if one refuses the client.
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

// Open is like Dial but does not connect: it fails only if an option is invalid.
// The first call connects; until that succeeds, every call tries again.
func Open(addr string, opts ...Option) (*Client, error) {
	c := newServerClient(addr, opts)
	if c.err != nil {
		return nil, c.err
	}
	return c, nil
}

// NewClient returns a client of any store. Closing the client closes the store.
// It refuses options about connections, which belong to the store.
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

// Rekey replaces the client's keys by those of the keyring, for a key rotation in
// a running process.
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

// Namespace returns the client's namespace, "" for none.
func (c *Client) Namespace() string {
	if c.sealer == nil {
		return ""
	}
	return c.sealer.Namespace()
}

// Close closes the connections; calls in flight fail with ErrClosed. Loads under
// way are canceled and give back their leases, for which Close waits at most
// WithFallbackTimeout. It returns once all of the client's goroutines have ended;
// its error is the store's.
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
