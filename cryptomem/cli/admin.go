package cli

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/Zezezknight/cryptomem/cryptomem/server/admin"
	"github.com/Zezezknight/cryptomem/transport/address"
)

// An adminListener is what those who run a server or a proxy look in by. The zero
// value is none.
type adminListener struct {
	server    *admin.Server
	listeners []net.Listener
}

// open begins to serve at an address, unless that is empty. The mode is a Unix
// socket's.
func (a *adminListener) open(ctx context.Context, addr string, mode os.FileMode, cfg admin.Config) error {
	if addr == "" {
		return nil
	}
	// It asks for no password, so strangers never get in.
	listeners, err := listenOn(ctx, addr, mode&^0o007)
	if err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	cfg.AnyHost = !address.IsLocal(addr)
	a.server, a.listeners = admin.New(cfg), listeners
	for _, l := range listeners {
		cfg.Logger.Info("admin listening", "addr", l.Addr().String(), "pprof", cfg.Pprof)
		if !address.Of(l.Addr()).IsLocal() {
			cfg.Logger.Warn("the admin address can be reached from other machines and asks for no password", "addr", l.Addr().String())
		}
		go func() {
			if err := a.server.Serve(l); !admin.IsClosed(err) {
				cfg.Logger.Error("admin listener failed; clients are served on", "error", err)
			}
		}()
	}
	return nil
}

func (a *adminListener) close() error {
	if a.server == nil {
		return nil
	}
	err := a.server.Close()
	closeAll(a.listeners) // which they are, unless Serve was yet to begin
	return err
}
