//go:build !linux

package serve

func (c *serverConn) boundUnsent() {}
