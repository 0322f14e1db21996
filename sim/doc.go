// Package sim runs whole worlds of cryptomem, clients, servers, the network
// between them and time itself, and makes everything go wrong in ways that can
// be repeated.
//
// A run is a function of a [script.Script]: a seed, a configuration and the
// actions of clients and of fate, all decided before it begins. The parts are
// the product's own: its sessions, client engines, handler, cache, janitor and
// sealing. Only what judges them is not ([oracle]).
//
// There are three tiers. In [Run], protocol logic is state machines, bytes in and
// bytes out, so a world needs no goroutine, no socket and no waiting: one loop
// takes the next thing due from a heap of events and moves the clock to it. It is
// deterministic by construction and runs some hundred thousand operations a
// second.
//
//	result := sim.Run(script.Generate(42), sim.Options{})
//	if f := result.Failure; f != nil { … }
//
// [InBubble] runs the same scripts on real servers and clients, goroutines and
// all, one of them at a time; [Stress] on the same, all at once, for the race
// detector. docs/simulation.md says how it works and how to add to it.
package sim
