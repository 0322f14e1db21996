// Package script is the language of the simulator: what the clients do, which faults
// happen when, and which results are expected, all decided before a run begins.
//
// A [Script] is text that a person can read and write:
//
//	# A touch at the very instant of expiry finds nothing.
//	clients 2
//	delay 1ms
//
//	@0s    c1 set k1 a ttl 10ms => ok
//	@5ms   c2 touch k1 ttl 1h aim 0s => miss
//	@20ms  c2 get k1 => miss
//
// [Parse] reads it and [Script.String] writes it; what one prints the other
// reads back unchanged. [Generate] draws a script from a seed, and [Minimize]
// takes away what a failure does not need.
//
// Nothing that a run draws later comes from a shared stream of random numbers: [Draw]
// computes each number from the seed and from what it is for. So removing one action
// leaves every other draw as it was, and a failure survives minimising.
package script
