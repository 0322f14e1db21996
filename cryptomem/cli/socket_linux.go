package cli

import (
	"context"
	"errors"
	"net"
	"syscall"
)

// listenWithoutRights listens at path, on a file with mode 0. On Linux, a socket
// has a mode before it has a name.
func listenWithoutRights(ctx context.Context, path string) (net.Listener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = syscall.Fchmod(int(fd), 0) })
		return errors.Join(err, failed)
	}}
	return lc.Listen(ctx, "unix", path)
}
