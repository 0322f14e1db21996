//go:build unix && (!linux || race)

package socket

import "syscall"

// Read reads from a non-blocking socket.
func Read(fd int, b []byte) (int, error) { return syscall.Read(fd, b) }

// Write writes to a non-blocking socket.
func Write(fd int, b []byte) (int, error) { return syscall.Write(fd, b) }
