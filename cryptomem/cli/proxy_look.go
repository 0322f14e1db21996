package cli

import (
	"context"
	"fmt"
	"net"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/panel"
	"github.com/Zezezknight/cryptomem/cryptomem/server/admin"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
	"github.com/Zezezknight/cryptomem/transport/address"
)

// lookIn is a proxy's admin listener, the zero value none.
type lookIn struct {
	admin    *admin.Server
	listener net.Listener
}

func (s *proxyService) startLookIn(ctx context.Context) error {
	cfg := s.config
	if cfg.Admin == "" {
		return nil
	}
	// It asks for no password, so strangers never get in.
	l, err := listenOn(ctx, cfg.Admin, cfg.UnixMode&^0o007)
	if err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	s.look = lookIn{listener: l, admin: admin.New(admin.Config{
		Subject: panel.Subject(s.report), Ready: s.upstream.ready, AnyHost: !address.IsLocal(cfg.Admin),
		Pprof: cfg.AdminPprof, Clock: s.clk, Logger: s.log,
	})}
	s.log.Info("admin listening", "addr", l.Addr().String(), "pprof", cfg.AdminPprof)
	if !address.Of(l.Addr()).IsLocal() {
		s.log.Warn("the admin address can be reached from other machines and asks for no password", "addr", l.Addr().String())
	}
	go func() {
		if err := s.look.admin.Serve(l); !admin.IsClosed(err) {
			s.log.Error("admin listener failed; clients are served on", "error", err)
		}
	}()
	return nil
}

func (l *lookIn) close() error {
	if l.admin == nil {
		return nil
	}
	err := l.admin.Close()
	_ = l.listener.Close() // it is closed, unless Serve was yet to begin
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
