//go:build !unix

package valkeytest

// Stop would suspend the process, which takes a Unix.
func (s *Server) Stop() { panic("valkeytest: a process can be stopped on Unix only") }

// Continue would let a stopped process go on.
func (s *Server) Continue() {}
