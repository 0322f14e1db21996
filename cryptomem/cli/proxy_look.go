package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/panel"
	"github.com/Zezezknight/cryptomem/cryptomem/server/admin"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
	"github.com/Zezezknight/cryptomem/transport/address"
)

// lookIn is a proxy's admin listener, the zero value none.
type lookIn struct {
	admin     *admin.Server
	listeners []net.Listener
}

func (s *proxyService) startLookIn(ctx context.Context) error {
	cfg := s.config
	if cfg.Admin == "" {
		return nil
	}
	// It asks for no password, so strangers never get in.
	listeners, err := listenOn(ctx, cfg.Admin, cfg.UnixMode&^0o007)
	if err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	s.look = lookIn{listeners: listeners, admin: admin.New(admin.Config{
		Subject: panel.Subject(s.report), Ready: s.upstream.ready, AnyHost: !address.IsLocal(cfg.Admin),
		Pprof: cfg.AdminPprof, Clock: s.clk, Logger: s.log,
	})}
	serveAdmin(s.look.admin, listeners, cfg.AdminPprof, s.log)
	return nil
}

// serveAdmin serves an admin listener on all its addresses, and says where.
func serveAdmin(a *admin.Server, listeners []net.Listener, pprof bool, log *slog.Logger) {
	for _, l := range listeners {
		log.Info("admin listening", "addr", l.Addr().String(), "pprof", pprof)
		if !address.Of(l.Addr()).IsLocal() {
			log.Warn("the admin address can be reached from other machines and asks for no password", "addr", l.Addr().String())
		}
		go func() {
			if err := a.Serve(l); !admin.IsClosed(err) {
				log.Error("admin listener failed; clients are served on", "error", err)
			}
		}()
	}
}

func (l *lookIn) close() error {
	if l.admin == nil {
		return nil
	}
	err := l.admin.Close()
	closeAll(l.listeners) // which they are, unless Serve was yet to begin
	return err
}

// report is everything that can be known about the proxy.
func (s *proxyService) report() *panel.Report {
	version, _ := buildVersion()
	r := &panel.Report{
		About:      stats.About{Version: version, Addr: s.config.Addr, Started: s.started, Now: s.clk.Now()},
		Proxy:      s.proxy.Stats(),
		Upstream:   panel.Upstream{Addr: s.upstream.shown, MeterStats: s.upstream.meter.Stats()},
		Connection: panel.ConnectionsOf(s.server.Stats()),
		Process:    stats.ReadProcess(),
	}
	if err := s.upstream.ready(); err != nil {
		r.Upstream.Problem = err.Error()
	}
	return r
}
