package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/Zezezknight/cryptomem/cryptomem/certs"
	"github.com/Zezezknight/cryptomem/cryptomem/config"
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
	s.reloadFiles()
	s.log.Info("reload: done")
}

// reloadFiles reads the certificates and identities again.
func (s *service) reloadFiles() {
	if s.certs != nil {
		s.logReload("certificate", s.config.TLSCert, s.certs.Reload())
	}
	if s.identities != nil {
		s.logReload("identities", s.config.Identities, s.identities.Reload(s.config.Identities))
	}
}

func (s *service) logReload(what, file string, err error) {
	if err != nil {
		s.log.Error("reload: "+what+" is wrong, the old one stays", "file", file, "error", err)
		return
	}
	s.log.Info("reload: "+what+" was read", "file", file)
}

// watched describes the state of the files that are read again when they
// change. It is the same text as long as they are.
func (s *service) watched() string {
	var b strings.Builder
	for _, name := range []string{s.config.TLSCert, s.config.TLSKey, s.config.TLSClientCA, s.config.Identities} {
		if name == "" {
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			fmt.Fprintln(&b, name, err)
			continue
		}
		fmt.Fprintln(&b, name, info.Size(), info.ModTime().UnixNano())
	}
	return b.String()
}

func tlsFiles(cfg *config.Config) certs.Files {
	return certs.Files{
		Cert:     cfg.TLSCert,
		Key:      cfg.TLSKey,
		ClientCA: cfg.TLSClientCA,
		Optional: cfg.TLSClientCert == "optional",
	}
}
