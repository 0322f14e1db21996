package cryptomem

import (
	"context"
	"time"
)

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
