// Package valkeystore keeps a Client's sealed values in Valkey or Redis: one
// node, the primary that sentinels know, or a cluster.
//
//	store, err := valkeystore.Open("valkey://localhost")
//	client, err := cryptomem.NewClient(store, cryptomem.WithSecret(secret))
//
// The server stores an envelope under the client's wire name, after an optional
// prefix, so SET and GET are one plain command each. Versions are eight random bytes
// of the envelope itself, so nothing is stored beside a value; compare-and-swap and
// locks are two short scripts. docs/valkey.md has the exact semantics, the meaning of
// every error, and the rights that the server's user needs.
//
// # Promises
//
// The store uses one ordered connection per node, so a cancelled write never
// overtakes a later one. No caller waits beyond its deadline, whatever a node does.
// A request that was surely not applied fails with cryptomem.ErrUnavailable and may
// be tried again; a write that may have been applied fails with
// cryptomem.ErrMaybeApplied and is never sent again.
package valkeystore
