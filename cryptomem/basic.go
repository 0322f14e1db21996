package cryptomem

import (
	"context"
	"time"
)

// A Basic is a simple client: its methods take neither contexts nor options. The
// client's timeouts limit each call. It is safe for concurrent use.
type Basic struct{ client *Client }

// New returns a client that seals under a secret of 32 bytes and stores values
// for ttl; 0 means that they never expire. New does not connect and never fails:
// a bad secret or an unreachable server is reported by the first call. See Dial
// for all options.
func New(addr string, ttl time.Duration, secret string) *Basic {
	return &Basic{newServerClient(addr, []Option{WithSecret([]byte(secret)), WithDefaultTTL(ttl)})}
}

// Set stores the value under the key for the client's TTL, replacing any value
// there.
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

// Close closes the connections; calls in flight fail with ErrClosed.
func (b *Basic) Close() error { return b.client.Close() }

// Client returns the underlying client.
func (b *Basic) Client() *Client { return b.client }
