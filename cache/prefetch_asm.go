//go:build amd64 || arm64

package cache

// prefetch makes the processor load the first cache lines at each address, line by line
// of all of them, and does not wait for it. A line has 64 bytes; one that is beyond the
// end of memory does no harm.
//
//go:noescape
func prefetch(at []*byte, lines int)
