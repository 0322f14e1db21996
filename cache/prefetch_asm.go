//go:build amd64 || arm64

package cache

// prefetch makes the processor load the cache line of b, and does not wait for it.
//
//go:noescape
func prefetch(b *byte)
