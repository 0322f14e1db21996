//go:build !linux

package socket

import "net"

// Own returns nc: only Linux has sockets outside the runtime's poller here.
func Own(nc net.Conn) net.Conn { return nc }
