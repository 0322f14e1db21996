// Package socket makes system calls on sockets that do not block, without the
// runtime's poller: where bytes are there already, or will be in a
// moment, parking and waking a goroutine is not worth its cost.
//
// The calls take a file descriptor as syscall.RawConn passes it, which keeps it
// open meanwhile. EAGAIN means that the call would have to wait.
package socket
