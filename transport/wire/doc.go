// Package wire is what both ends of a connection share: commands, statuses,
// frames, the layouts of versioned values, and refusals. It never does I/O and
// keeps no state.
//
// A request is a 17-byte header, a key and a value; a response is a 7-byte
// header and a value. Integers are big-endian. There is no request id: answers
// come in the order of the requests, so a client may send many before it reads.
//
// What a command is (its name, what it carries, what it does to the store, which
// statuses answer it) stands in one table, which sessions, clients, meters,
// observers and the simulator read.
package wire
