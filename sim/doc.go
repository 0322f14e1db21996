// Package sim simulates cryptomem as a whole, with clients, servers, the network
// between them and time, and injects faults that can be repeated.
//
// A run is a function of a [script.Script]: a seed, a configuration, and the actions
// and faults, all decided before it begins. It runs the product's own code: its
// sessions, client engines, handler, cache, janitor and sealing. Only the oracles
// that check them ([oracle]) are separate.
//
// There are three tiers. [Run], tier 1, drives the protocol's state machines, bytes
// in and bytes out, without goroutines, sockets or waiting: one loop takes the next
// event from a heap and moves the clock to it. It is deterministic by construction
// and runs some hundred thousand operations a second.
//
//	result := sim.Run(script.Generate(42), sim.Options{})
//	if f := result.Failure; f != nil { … }
//
// [InBubble], tier 2, runs the same scripts on real servers and clients, one goroutine
// at a time. [Stress], tier 3, runs them in parallel, for the race detector.
// docs/simulation.md explains how the tiers work and how to extend them.
package sim
