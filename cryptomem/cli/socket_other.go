//go:build !unix

package cli

import (
	"context"
	"net"
)

// listenWithoutRights listens at path, with the rights that its directory gives.
func listenWithoutRights(ctx context.Context, path string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "unix", path)
}
