//go:build !linux

package cache

// machineMemory returns 0: unknown.
func machineMemory() int64 { return 0 }
