// Package httpstore keeps cached HTTP answers in cryptomem, for
// github.com/gregjones/httpcache and whatever else takes a cache of that shape:
// Get, Set and Delete of bytes by a string.
//
//	transport := httpcache.NewTransport(httpstore.New(client))
//	web := &http.Client{Transport: transport}
//
// Keys are URLs, which may tell secrets: give the client
// cryptomem.WithBlindNames where the server should not read them.
package httpstore

import (
	"context"
	"errors"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem"
)

// DefaultTTL is how long an answer is kept at most. Whether it may still be
// used by then is the HTTP cache's own business.
const DefaultTTL = 24 * time.Hour

// A Cache implements httpcache.Cache. It is safe for concurrent use.
type Cache struct {
	client  *cryptomem.Client
	ttl     time.Duration
	onError func(error)
}

// An Option changes how a Cache works.
type Option func(*Cache)

// WithTTL keeps answers for ttl at most, in place of DefaultTTL; 0 means for
// good.
func WithTTL(ttl time.Duration) Option { return func(c *Cache) { c.ttl = ttl } }

// WithErrorHandler has f told of every failure of the store, which an HTTP
// cache has no way to report: for it, a failure is a miss.
func WithErrorHandler(f func(error)) Option { return func(c *Cache) { c.onError = f } }

// New returns a cache of HTTP answers. The client stays the caller's to close.
func New(client *cryptomem.Client, opts ...Option) *Cache {
	c := &Cache{client: client, ttl: DefaultTTL, onError: func(error) {}}
	for _, opt := range opts {
		opt(c)
	}
	return c
}

// Get returns the answer under the key, and whether there is one.
func (c *Cache) Get(key string) (answer []byte, ok bool) {
	answer, err := c.client.Get(context.Background(), key)
	c.report(err)
	return answer, err == nil
}

// Set stores the answer under the key.
func (c *Cache) Set(key string, answer []byte) {
	c.report(c.client.Set(context.Background(), key, answer, cryptomem.TTL(c.ttl)))
}

// Delete removes the answer under the key.
func (c *Cache) Delete(key string) { c.report(c.client.Delete(context.Background(), key)) }

func (c *Cache) report(err error) {
	if err != nil && !isMiss(err) {
		c.onError(err)
	}
}

// isMiss reports whether err says no more than that there is nothing. A value
// past its sealed expiry is a miss too.
func isMiss(err error) bool { return errors.Is(err, cryptomem.ErrNotFound) }
