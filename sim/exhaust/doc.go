// Package exhaust goes through small worlds completely: where seeds of the
// simulator sample, it takes every course of events that a world has.
//
// A [World] is the product's own sessions, engines, handler, cache and sealing on
// tier 1, a few clients with a few calls each, and limits on what may befall them.
// From the beginning, and from every state that is found, each thing that could come
// next does: a client begins its next call, bytes arrive, as one chunk or another,
// a link is cut, the janitor works, time goes on to just before, at or just after
// an expiry. Every state is then run to its end in peace, and the oracles judge it.
//
//	r := exhaust.Explore(world, exhaust.Options{})
//	if r.Violation != nil { fmt.Print(r.Violation.Script) }
//
// The search is breadth first, so what it finds first is shortest, and what it
// finds is an ordinary scenario. It proves that these worlds keep every promise, and
// says nothing of larger ones.
//
// # How it can be done
//
// The product's parts cannot be copied, so a state is kept as the moves that lead to
// it, and reached by making them again. What a part will do is decided by what it
// has met, since it reads no clock and draws nothing. A state is therefore known by
// the pasts of its parts: a hash of what each of them has met, and of what that
// had met before (the happens-before relation; Musuvathi and Qadeer, "Partial-Order
// Reduction for Context-Bounded State Exploration", MSR-TR-2007-12). Two orders of
// moves that have nothing to do with each other lead to the same pasts
// (Mazurkiewicz, "Trace Theory", 1987), and to the same state. The hash leaves out
// no state of the product, not even state that seems irrelevant.
//
// Of moves that commute, only one order is tried: sleep sets, as Godefroid has them
// ("Partial-Order Methods for the Verification of Concurrent Systems", LNCS 1032,
// 1996), in the version for a search that remembers states (Godefroid, Holzmann and
// Pirottin, "State-Space Caching Revisited", CAV 1992). The specs compare both
// with searches that go through everything.
package exhaust
