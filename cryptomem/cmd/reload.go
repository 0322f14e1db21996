package main

import (
	"github.com/Zezezknight/cryptomem/cryptomem/certs"
	"github.com/Zezezknight/cryptomem/cryptomem/config"
	"github.com/Zezezknight/cryptomem/cryptomem/stats"
)

// reload reads the configuration again, applies what can change while the
// server runs, and says what waits for a restart. A configuration that is wrong
// changes nothing.
func (s *service) reload() {
	next, err := loadServeConfig(s.console, s.args)
	if err != nil {
		s.log.Error("reload: the configuration is wrong, nothing changes", "error", err)
		return
	}
	for _, c := range s.config.Changes(next) {
		if c.Setting.Reload {
			s.log.Info("reload: changed", "setting", c.Setting.Name, "from", c.From, "to", c.To)
			continue
		}
		s.log.Warn("reload: needs a restart", "setting", c.Setting.Name, "running", c.From, "configured", c.To)
	}
	s.config.Reload(next)
	s.level.Set(s.config.LogLevel)
	s.server.SetLimits(limits(s.config))
	s.warnOfFiles(stats.ReadProcess().MaxFiles)
	whole := true
	for _, f := range s.followed {
		whole = f.again() && whole
	}
	if !whole {
		s.log.Error("reload: incomplete, what failed stays as it was")
		return
	}
	s.log.Info("reload: done")
}

func tlsFiles(cfg *config.Config) certs.Files {
	return certs.Files{
		Cert:     cfg.TLSCert,
		Key:      cfg.TLSKey,
		ClientCA: cfg.TLSClientCA,
		Optional: cfg.TLSClientCert == "optional",
	}
}
