// Package transport speaks cryptomem's wire protocol: frames, the server side
// of one connection, and the client side of one connection. It knows no keys
// and no storage.
//
// A request is a 17-byte header, a key and a value; a response is a 7-byte
// header and a value. Integers are big-endian. There is no request id: answers
// come in the order of the requests, so a client may send many before it reads.
//
// Protocol logic does no I/O. A [Session] is fed received bytes and appends
// answers; an [Engine] takes calls, yields bytes to send and is fed received
// bytes. Thin shells drive both over a net.Conn, and so do the simulator and
// the fuzzer. A [Server] is the shell of many sessions: it accepts connections,
// holds them to limits and deadlines, and drains them when it shuts down.
package transport
