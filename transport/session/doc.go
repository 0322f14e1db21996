// Package session is the server's half of a connection: received bytes go in,
// answers come out. It does no I/O and never reads a clock.
//
// A [Session] finds the requests in what it is fed, lets a [Handler] execute
// them and appends their answers. What sessions hold of large requests and of
// unread answers is bounded by a [Budget]; what they did is counted by a
// [Meter].
package session
