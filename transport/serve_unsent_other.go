//go:build !linux

package transport

func (c *serverConn) boundUnsent() {}
