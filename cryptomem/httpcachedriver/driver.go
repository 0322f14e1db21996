// Package httpcachedriver is a driver for github.com/bartventer/httpcache, a
// cache for HTTP clients as RFC 9111 describes it.
//
//	store.Register("cryptomem", httpcachedriver.New(client))
//	web := &http.Client{Transport: httpcache.NewTransport("cryptomem://")}
//
// That cache is a private one: it keeps what was answered to one user. In a
// store that many users share, give each a cache of its own, by a name after the
// scheme: "cryptomem://user-17". It costs no connection.
//
// A value that cannot be opened, because its key was retired or it was altered,
// does not exist. An answer that could not be replaced or deleted is not
// returned any more: its key is deleted, at once or before the next Get.
package httpcachedriver

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"github.com/bartventer/httpcache/store/driver"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
)

// A Driver implements driver.Driver. It is safe for concurrent use.
type Driver struct {
	client *cryptomem.Client
	opts   []adapter.Option
}

// New returns a driver that keeps answers in what the client seals, for
// adapter.WithTTL at most. The client stays the caller's to close.
func New(client *cryptomem.Client, opts ...adapter.Option) *Driver {
	return &Driver{client, opts}
}

// Open returns the cache that u names: what follows the scheme takes the place
// of adapter.WithPrefix. A query is refused.
func (d *Driver) Open(u *url.URL) (driver.Conn, error) {
	if u.RawQuery != "" || u.User != nil {
		return nil, errors.New("httpcachedriver: the address of a cache has a scheme and a name, and no more")
	}
	opts := d.opts
	if name := u.Host + u.Path; name != "" {
		opts = append(slices.Clone(opts), adapter.WithPrefix(name))
	}
	return &Conn{adapter.New(d.client, opts...)}, nil
}

// A Conn implements driver.Conn. It is safe for concurrent use.
type Conn struct{ answers *adapter.Store }

// Get returns the answer under the key; driver.ErrNotExist if there is none that
// can be opened.
func (c *Conn) Get(key string) ([]byte, error) {
	answer, found, err := c.answers.Get(context.Background(), key)
	if err == nil && !found {
		return nil, driver.ErrNotExist
	}
	return answer, err
}

// Set stores the answer under the key. After an error the key has no answer.
func (c *Conn) Set(key string, answer []byte) error {
	return c.answers.Overwrite(context.Background(), key, answer, c.answers.TTL())
}

// Delete removes the answer under the key; driver.ErrNotExist if there is none.
// After another error this Conn does not return it any more.
func (c *Conn) Delete(key string) error {
	found, err := c.answers.Forget(context.Background(), key)
	if err == nil && !found {
		return driver.ErrNotExist
	}
	return err
}

// Unopened returns how many answers could not be opened so far.
func (c *Conn) Unopened() uint64 { return c.answers.Unopened() }
