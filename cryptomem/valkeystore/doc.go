// Package valkeystore keeps a Client's sealed values in Valkey or Redis: one
// node, the primary that sentinels know, or a cluster.
//
//	store, err := valkeystore.Open("valkey://localhost")
//	client, err := cryptomem.NewClient(store, cryptomem.WithSecret(secret))
//
// What a server there holds is an envelope under the client's wire name, behind
// an optional prefix: SET and GET stay one plain command each. Versions are eight
// random bytes of the envelope itself, so nothing is stored beside a value;
// compare-and-swap and locks are two short scripts. docs/valkey.md has the exact
// semantics, what every error means, and the rights that a user there needs.
//
// # Promises
//
// One ordered connection a node, so that a cancelled write never overtakes a
// later one; who is alone uses it past valkey-go (see aside). No caller waits beyond its deadline, whatever a node does. What was
// surely not applied ends in cryptomem.ErrUnavailable and may be tried again; what
// may have been ends in cryptomem.ErrMaybeApplied and is never sent again.
package valkeystore
