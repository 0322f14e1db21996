//go:build !amd64 && !arm64

package cache

// prefetch does nothing where the processor has no instruction for it that is known
// here.
func prefetch(*byte) {}
