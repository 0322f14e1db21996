//go:build unix && (!linux || race)

package serve

import "syscall"

// readSocket reads from a non-blocking socket.
func readSocket(fd int, b []byte) (int, error) { return syscall.Read(fd, b) }

// writeSocket writes to a non-blocking socket.
func writeSocket(fd int, b []byte) (int, error) { return syscall.Write(fd, b) }
