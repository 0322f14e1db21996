package cli

import (
	"context"
	"errors"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy/panel"
	"github.com/Zezezknight/cryptomem/cryptomem/server/admin"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
)

func (s *proxyService) openAdmin(ctx context.Context) error {
	return s.admin.open(ctx, s.config.Admin, s.config.UnixMode, admin.Config{
		Subject: panel.Subject(s.report), Ready: s.upstream.ready,
		Pprof: s.config.AdminPprof, Clock: s.clk, Logger: s.log,
	})
}

// report is everything that can be known about the proxy.
func (s *proxyService) report() *panel.Report {
	version, _ := buildVersion()
	r := &panel.Report{
		About:      stats.About{Version: version, Addr: s.config.Addr, Started: s.started, Now: s.clk.Now()},
		Proxy:      s.proxy.Stats(),
		Upstream:   panel.Upstream{Addr: s.upstream.shown, MeterStats: s.upstream.meter.Stats(), Near: s.upstream.near()},
		Connection: panel.ConnectionsOf(s.server.Stats()),
		Process:    stats.ReadProcess(),
	}
	if err := s.upstream.ready(); err != nil {
		r.Upstream.Starting = errors.Is(err, errNotAsked)
		r.Upstream.Problem = err.Error()
	}
	return r
}
