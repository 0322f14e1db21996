//go:build !linux

package unsent

// BoundSocket does nothing where there is no such bound.
func BoundSocket(int) {}
