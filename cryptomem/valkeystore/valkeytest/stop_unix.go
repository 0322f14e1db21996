//go:build unix

package valkeytest

import "syscall"

// Stop suspends the process, as SIGSTOP does; Continue lets it go on.
func (s *Server) Stop() { s.signal(syscall.SIGSTOP) }

// Continue lets a stopped process go on.
func (s *Server) Continue() { s.signal(syscall.SIGCONT) }
