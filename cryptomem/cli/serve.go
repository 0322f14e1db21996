package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cache"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
	"github.com/Zezezknight/cryptomem/cryptomem/server"
	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/certs"
	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
)

var serveUsage = `Usage:
    cryptomem serve [--config FILE] [--SETTING VALUE]...

Starts the server. SIGINT and SIGTERM end it: it stops accepting, answers all
complete requests, and exits 0. SIGHUP reads the configuration again.

    --config FILE
        A YAML file with settings (default $CRYPTOMEM_CONFIG, or config.yaml
        if that exists).

` + settingsHelp(config.Settings()) + `
In a file, a setting is written with underscores: max_memory: 512MiB. In the
environment it is CRYPTOMEM_MAX_MEMORY=512MiB. Flags overrule the environment,
which overrules the file.

Example:
    $ cryptomem serve --max-memory 512MiB --log-format json
`

// A service is a running server with what can change while it runs.
type service struct {
	daemon
	config *config.Config
	// identities is nil without authentication.
	identities *access.List
	denials    *denials
	server     *server.Server
	operations *operations
}

func serveCommand(ctx context.Context, c *console, args []string) error {
	// From here on, SIGHUP no longer ends the process.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	collectEarly()
	s, err := newService(c, args)
	if err != nil {
		return err
	}
	err = s.operations.start(ctx)
	if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())) {
		// Asked to end before it began to serve, it leaves all as it was.
		s.log.Info("cryptomem ends: stopped before it had started")
		return errors.Join(s.operations.abandon(), s.server.Close())
	}
	if err != nil {
		return errors.Join(err, s.operations.abandon(), s.server.Close())
	}
	listeners, err := s.listening().open(ctx)
	if err != nil {
		return errors.Join(err, s.operations.abandon(), s.server.Close())
	}
	s.answer(listeners, s.server)
	s.operations.setReady("")
	err = s.run(ctx, hangup, s)
	s.operations.setReady("shutting down")
	return errors.Join(err, s.shutdown(s.config.ShutdownTimeout, s.operations.end))
}

func newService(c *console, args []string) (*service, error) {
	cfg, err := loadServeConfig(c, args)
	if err != nil {
		return nil, err
	}
	s := &service{daemon: daemon{name: "cryptomem", console: c, args: args}, config: cfg}
	s.operations = newOperations(s)
	s.openLog(cfg.LogFormat, cfg.LogLevel)
	s.denials = newDenials(s.log, s.operations.clk)
	if cfg.TLSCert != "" {
		reload := func() error { return s.reloadCertificate(cfg.TLSCert, s.operations.clk.Now()) }
		s.watched = append(s.watched, watchFiles("the certificate", s.log, reload, cfg.TLSCert, cfg.TLSKey, cfg.TLSClientCA))
		if s.certs, err = certs.Load(tlsFiles(cfg)); err != nil {
			return nil, configError{err}
		}
		s.warnOfCertificate(cfg.TLSCert, s.operations.clk.Now())
	}
	if cfg.Identities != "" {
		s.watched = append(s.watched, watchFiles("the identities file", s.log, func() error { return s.identities.Reload(cfg.Identities) }, cfg.Identities))
		if s.identities, err = access.Load(cfg.Identities); err != nil {
			return nil, judged(err)
		}
	}
	s.server, err = newServer(s)
	if err != nil {
		return nil, err
	}
	name, commit := buildVersion()
	// to the MiB
	s.log.Info("cryptomem starts", "version", name, "commit", commit, "config", cfg.File(), "max_memory", quantity.FormatSize(s.server.Cache().Stats().MaxMemory>>20<<20))
	s.warnOfFiles(stats.ReadProcess().MaxFiles, cfg.MaxConnections)
	return s, nil
}

func (s *service) listening() listening {
	return listening{
		addr: s.config.Addr, tlsAddr: s.config.TLSAddr, mode: s.config.UnixMode,
		certs: s.certs, tlsOnly: s.config.TLSOnly(), exposed: s.config.Exposed,
	}
}

func loadServeConfig(c *console, args []string) (*config.Config, error) {
	return loadConfig(c, pflag.NewFlagSet("serve", pflag.ContinueOnError), args)
}

func newServer(s *service) (*server.Server, error) {
	cfg := s.config
	eviction, err := cache.ParseEviction(cfg.Eviction)
	if err != nil {
		return nil, err
	}
	sc := limits(cfg)
	sc.MaxMemory = cfg.MaxMemory
	sc.MaxValueSize = int(cfg.MaxValueSize)
	sc.Eviction = eviction
	sc.DefaultTTL = cfg.DefaultTTL
	sc.AllowFlush = cfg.Flush
	sc.NoScan = !cfg.Scan
	sc.RecordKeys = cfg.RecordKeys
	sc.Sections = s.operations.sections
	sc.Logger = s.log
	if s.identities != nil {
		sc.Authenticator = loggedAccess{s.identities, s.denials}
	}
	return server.New(sc)
}

// limits are those that a reload may change.
func limits(cfg *config.Config) server.Config {
	return server.Config{
		MaxConnections:           stats.ConnectionsFor(stats.ReadProcess().MaxFiles, cfg.MaxConnections),
		MaxConnectionsPerAddress: cfg.MaxConnectionsPerAddress,
		MaxInFlight:              cfg.MaxInFlight,
		FrameTimeout:             cfg.FrameTimeout,
		WriteTimeout:             cfg.WriteTimeout,
		IdleTimeout:              cfg.IdleTimeout,
		AuthTimeout:              cfg.AuthTimeout,
	}
}

// reload reads the configuration again, and applies what can change while the
// server runs.
func (s *service) reload() {
	next, err := loadServeConfig(s.console, s.args)
	reload(&s.daemon, s.config, next, err, func() {
		s.level.Set(s.config.LogLevel)
		s.server.SetLimits(limits(s.config))
		s.warnOfFiles(stats.ReadProcess().MaxFiles, s.config.MaxConnections)
	})
}

// look also says what was kept back from the log.
func (s *service) look() {
	s.denials.flush()
	s.daemon.look()
}

func tlsFiles(cfg *config.Config) certs.Files {
	return certs.Files{
		Cert:     cfg.TLSCert,
		Key:      cfg.TLSKey,
		ClientCA: cfg.TLSClientCA,
		Optional: cfg.TLSClientCert == "optional",
	}
}
