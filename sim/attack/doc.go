// Package attack is the suite of attacks on a server: peers with raw sockets, who
// send half of what they declare, read nothing of what they asked for, or do it
// all over again, against a process of its own as it is shipped.
//
//	go test ./sim/attack                   # the short form, in CI
//	CRYPTOMEM_ATTACK=full go test ./sim/attack   # as many peers as it takes: task attack
//
// What is asserted is what others see: their items are still there, what they
// store stays, they are answered soon, /healthz answers, the process holds no more
// memory than the table in docs/operations.md says, and its descriptors are back
// when the attackers are gone.
//
// The simulator finds wrong answers; this suite finds what one peer takes from all
// others. The package has specs only.
package attack
