//go:build !linux

package unsent

func bound(uintptr) {}
