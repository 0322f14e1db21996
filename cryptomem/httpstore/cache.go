// Package httpstore keeps cached HTTP answers in cryptomem, for
// github.com/gregjones/httpcache and whatever else takes a cache of that shape:
// Get, Set and Delete of bytes by a string.
//
//	transport := httpcache.NewTransport(httpstore.New(client))
//	web := &http.Client{Transport: transport}
//
// # A private cache becomes a shared one
//
// httpcache is a private cache: it keeps what was answered to one user, and
// "Cache-Control: private" does not stop it. In a store that many processes and
// users share, one would be shown another's pages. If the requests carry a
// user's credentials, give each user a cache of its own; it costs no connection:
//
//	cache := httpstore.New(client, adapter.WithPrefix(userID))
//
// # When the store fails
//
// An HTTP cache takes no errors. A store that is away is a miss, within the bound
// of cryptomem.WithFallbackTimeout, and so is a value that cannot be opened; both are
// logged and told to adapter.WithErrorHandler. An answer that could not be
// replaced or deleted is not returned any more: its key is deleted, at once or
// before the next Get.
package httpstore

import (
	"context"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
)

// A Cache implements httpcache.Cache. It is safe for concurrent use.
type Cache struct{ answers *adapter.Store }

// New returns a cache of HTTP answers, which are kept for adapter.WithTTL at
// most. Whether one may still be used is the HTTP cache's own business. The
// client stays the caller's to close.
func New(client *cryptomem.Client, opts ...adapter.Option) *Cache {
	return &Cache{adapter.New(client, opts...)}
}

// Get returns the answer under the key, and whether there is one.
func (c *Cache) Get(key string) (answer []byte, ok bool) {
	answer, ok, err := c.answers.Get(context.Background(), key)
	c.answers.Report(err)
	return answer, ok
}

// Set stores the answer under the key. If it cannot, the key has no answer.
func (c *Cache) Set(key string, answer []byte) {
	c.answers.Report(c.answers.Overwrite(context.Background(), key, answer, c.answers.TTL()))
}

// Delete removes the answer under the key.
func (c *Cache) Delete(key string) {
	_, err := c.answers.Forget(context.Background(), key)
	c.answers.Report(err)
}

// Unopened returns how many answers could not be opened so far.
func (c *Cache) Unopened() uint64 { return c.answers.Unopened() }
