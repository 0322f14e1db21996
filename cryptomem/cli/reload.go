package cli

import (
	"log/slog"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/server/certs"
	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
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
	changes := s.config.Changes(next)
	if err := s.config.Reload(next); err != nil {
		s.log.Error("reload: the configuration does not go with what needs a restart, nothing changes", "error", err)
		return
	}
	logChanges(s.log, changes)
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

// logChanges says what is applied, and what waits for a restart.
func logChanges[C any](log *slog.Logger, changes []config.ChangeOf[C]) {
	for _, c := range changes {
		if c.Setting.Reload {
			log.Info("reload: changed", "setting", c.Setting.Name, "from", c.From, "to", c.To)
			continue
		}
		log.Warn("reload: needs a restart", "setting", c.Setting.Name, "running", c.From, "configured", c.To)
	}
}

// reloadCertificate takes a certificate whatever its dates: the one that it
// replaces need not be better, and clocks can be wrong.
func (s *service) reloadCertificate() error {
	err := s.certs.Reload()
	if err == nil {
		s.warnOfCertificate(s.operations.clk.Now())
	}
	return err
}

// warnOfCertificate says so where clients refuse the certificate for its dates.
func (s *service) warnOfCertificate(now time.Time) {
	valid := s.certs.Valid()
	problem := "has expired"
	switch {
	case now.Before(valid.From):
		problem = "is not valid yet"
	case !now.After(valid.Until):
		return
	}
	s.log.Warn("the certificate "+problem+": clients refuse it", "file", s.config.TLSCert,
		"valid_from", valid.From.UTC().Format(time.RFC3339), "valid_until", valid.Until.UTC().Format(time.RFC3339), "now", now.UTC().Format(time.RFC3339))
}

func tlsFiles(cfg *config.Config) certs.Files {
	return certs.Files{
		Cert:     cfg.TLSCert,
		Key:      cfg.TLSKey,
		ClientCA: cfg.TLSClientCA,
		Optional: cfg.TLSClientCert == "optional",
	}
}
