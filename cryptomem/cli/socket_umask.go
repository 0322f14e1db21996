//go:build unix && !linux

package cli

import (
	"context"
	"net"
	"syscall"
)

// listenWithoutRights listens at path, on a file with mode 0. The mask is the
// whole process's; at the start, nothing else in it makes files.
func listenWithoutRights(ctx context.Context, path string) (net.Listener, error) {
	defer syscall.Umask(syscall.Umask(0o777))
	return new(net.ListenConfig).Listen(ctx, "unix", path)
}
