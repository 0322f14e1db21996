//go:build !linux

package cli

// monotonicUsec is nothing here: there is no systemd.
func monotonicUsec() (int64, bool) { return 0, false }
