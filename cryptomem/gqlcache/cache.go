// Package gqlcache keeps the automatic persisted queries of
// github.com/99designs/gqlgen, so that a query that a client has sent to one
// process is known to all.
//
//	srv.Use(extension.AutomaticPersistedQuery{Cache: gqlcache.New(client)})
//
// A query is kept under its hash, which gqlgen checks when a client sends both; the
// cache checks it again when it returns one. So no client that can write to the store,
// not even a holder of the key, can have another query run. A query that is gone,
// cannot be opened or cannot be fetched in time is sent once more by the client.
package gqlcache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/adapter"
)

// A Cache implements gqlgen's graphql.Cache[string]. It is safe for concurrent
// use.
type Cache struct{ queries *adapter.Store }

// New returns a cache of queries, which are kept for adapter.WithTTL. The client
// stays the caller's to close.
func New(client *cryptomem.Client, opts ...adapter.Option) *Cache {
	return &Cache{adapter.New(client, opts...)}
}

// Get returns the query of which hash is the SHA-256, in hexadecimal digits, and
// whether it is known.
func (c *Cache) Get(ctx context.Context, hash string) (query string, ok bool) {
	value, found, err := c.queries.Get(ctx, hash)
	c.queries.Report(err)
	if !found || digest(value) != hash {
		return "", false
	}
	return string(value), true
}

// Add stores the query under its hash. It happens though the client has gone.
func (c *Cache) Add(ctx context.Context, hash, query string) {
	c.queries.Report(c.queries.Set(context.WithoutCancel(ctx), hash, []byte(query), c.queries.TTL()))
}

// Unopened returns how many queries could not be opened so far.
func (c *Cache) Unopened() uint64 { return c.queries.Unopened() }

func digest(query []byte) string {
	sum := sha256.Sum256(query)
	return hex.EncodeToString(sum[:])
}
