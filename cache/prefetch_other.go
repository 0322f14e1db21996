//go:build !amd64 && !arm64

package cache

// prefetch does nothing: there is no implementation for this processor.
func prefetch([]*byte, int) {}
