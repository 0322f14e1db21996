// Package keyspace is the names of one database behind the proxy, and how
// commands read and change what lies under them.
//
// A value lies sealed in an [Upstream], which can get, set and swap it but not
// look into it. So a change is a read, a change here, and a swap that fails if
// anybody, this proxy or any other client, was faster; then all is done again.
//
// Where many changes wait for one name, that would be a quarrel in which each
// loses to all others. Here they are folded: one of them goes first, takes all
// that wait along, applies them in their order to one value, and swaps once. The
// value that was swapped in is what the next ones are tried on, so that they need
// not even read it.
package keyspace
