//go:build !linux

package cli

// programPages is nothing where pages of the program are not known.
type programPages struct{}

func findProgram() programPages { return programPages{} }

func (programPages) discardAll() {}

func (programPages) discardConstants() {}
