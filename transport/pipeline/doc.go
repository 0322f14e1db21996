// Package pipeline is the client's half of a connection. It neither dials nor
// executes requests.
//
// An [Engine] takes calls, yields bytes to send and is fed received bytes; it
// does no I/O, so that the simulator and the fuzzer drive it as well. A [Conn]
// drives one over a net.Conn for any number of goroutines, whose calls share
// writes.
package pipeline
