// Package proxy serves programs in any language: they speak the Redis protocol to it,
// and it keeps their values sealed.
//
//	program ──RESP──► Session ──► keyspace ──► sealing ──► servers, Valkey or Redis
//
// A [Session] is the proxy's side of one connection: it is fed received bytes and
// appends answers. A [Proxy] is what the sessions share. Package command executes
// commands on values; package keyspace reads and changes the values that many clients
// change at once.
package proxy
