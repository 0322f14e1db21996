// Package socket makes system calls on sockets that do not block, past the
// runtime's poller: whoever knows that bytes are there, or that they will be in a
// moment, need not be parked and woken for them.
//
// The calls take a file descriptor as syscall.RawConn lends one, which keeps it
// open meanwhile. Each is an error away from the usual path: EAGAIN says that there
// is nothing to be had now.
package socket
