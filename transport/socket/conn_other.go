//go:build !linux

package socket

import "net"

// Own would move nc's socket out of the runtime's poller.
func Own(nc net.Conn) net.Conn { return nc }
