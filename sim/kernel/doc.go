// Package kernel is a simulated operating system, as far as a server's sockets need
// one: descriptors, streams with bounded buffers, a listener, epoll. The product's
// server runs on it unchanged, by way of serve.Kernel, pollers and all.
//
// It behaves as Linux does where programs go wrong: a read or a write moves less than
// it could; EAGAIN comes although more is to be had in a moment; EINTR comes at any
// time; epoll tells of what is not there, and of a descriptor that has been closed and
// is another connection's by now; the lowest free descriptor is the next one; what a
// peer sends to a closed socket, or leaves unread, resets the connection, and the
// reset destroys what is on its way. What strikes when is drawn from a seed and from
// who calls for how manieth time, and by nothing else.
//
// If the Kernel has a Turn function, every call first waits for its turn. That
// function decides in which order the threads of a server proceed: when two
// goroutines wait, either may be the first. Calls made with a lock held take no turn:
// to remove a descriptor from an epoll instance, and to close one.
//
// Not simulated: options of sockets, urgent data, edge-triggered registrations,
// deadlines other than past ones.
package kernel
