// Package keyspace is the names of one database behind the proxy, and how
// commands read and change what lies under them.
//
// A value lies sealed in an [Upstream], which can get, set and swap it but not
// look into it. So a change is a read, a change here, and a swap that fails if
// another client was faster; then all is done again.
//
// If many changes wait for one name, each would lose to all others. So they are
// coalesced: one of them goes first, takes all that wait along, applies them in
// their order to one value, and swaps once. The next ones are tried on the value
// that was swapped in, so that they need not even read it.
package keyspace
