// Package proxy is a door for programs that speak Redis: commands in, sealed
// values out.
//
//	program ──RESP──► Session ──► keyspace ──► sealing ──► servers, Valkey or Redis
//
// A [Session] is the proxy's side of one connection: it is fed received bytes and
// appends answers. What its commands do to values is in package command, how
// values are read and changed under many hands in package keyspace. A [Proxy] is
// what the sessions share.
package proxy
