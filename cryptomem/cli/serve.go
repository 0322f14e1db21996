package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

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

Starts the server. SIGINT and SIGTERM end it: it stops accepting, answers what
has arrived whole, and exits 0. SIGHUP reads the configuration again.

    --config FILE
        A YAML file with settings (default $CRYPTOMEM_CONFIG, or config.yaml
        where that exists).

` + settingsHelp(config.Settings()) + `
In a file, a setting is written with underscores: max_memory: 512MiB. In the
environment it is CRYPTOMEM_MAX_MEMORY=512MiB. Flags overrule the environment,
which overrules the file.

Example:
    $ cryptomem serve --max-memory 512MiB --log-format json
`

// A service is a running server with what can change while it runs.
type service struct {
	console *console
	args    []string // for reading the configuration again
	config  *config.Config

	level      slog.LevelVar
	log        *slog.Logger
	certs      *certs.Source // nil without TLS
	identities *access.List  // nil where nobody authenticates
	followed   []*followed   // the two above
	denials    *denials
	server     *server.Server
	operations *operations
}

func serveCommand(ctx context.Context, c *console, args []string) error {
	// From here on, SIGHUP no longer ends the process.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	s, err := newService(c, args)
	if err != nil {
		return err
	}
	err = s.operations.start(ctx)
	if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())) {
		// Asked to end before it began to serve, it leaves all as it was.
		s.log.Info("cryptomem ends: it was told to before it had started")
		return errors.Join(s.operations.abandon(), s.server.Close())
	}
	if err != nil {
		return errors.Join(err, s.operations.abandon(), s.server.Close())
	}
	listeners, err := s.listening().open(ctx)
	if err != nil {
		return errors.Join(err, s.operations.abandon(), s.server.Close())
	}
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		s.log.Info("listening", "addr", l.Addr().String(), "tls", l.tls)
		go func() { failed <- s.server.Serve(l) }()
	}
	s.operations.setReady("")
	notify(ready)
	err = s.run(ctx, failed, hangup)
	s.operations.setReady("shutting down")
	notify(stopping)
	return errors.Join(err, s.drain())
}

func newService(c *console, args []string) (*service, error) {
	cfg, err := loadServeConfig(c, args)
	if err != nil {
		return nil, err
	}
	s := &service{console: c, args: args, config: cfg}
	s.operations = newOperations(s)
	s.level.Set(cfg.LogLevel)
	s.log = newLogger(c, cfg.LogFormat, &s.level)
	s.denials = newDenials(s.log, s.operations.clk)
	for _, warning := range config.UnknownEnv(os.Environ(), otherVariables) {
		s.log.Warn("environment: " + warning)
	}
	if cfg.TLSCert != "" {
		s.followed = append(s.followed, follow("the certificate", s.log, s.reloadCertificate, cfg.TLSCert, cfg.TLSKey, cfg.TLSClientCA))
		if s.certs, err = certs.Load(tlsFiles(cfg)); err != nil {
			return nil, unreadableConfig{err}
		}
		s.warnOfCertificate(s.operations.clk.Now())
	}
	if cfg.Identities != "" {
		s.followed = append(s.followed, follow("the identities file", s.log, func() error { return s.identities.Reload(cfg.Identities) }, cfg.Identities))
		if s.identities, err = access.Load(cfg.Identities); err != nil {
			return nil, judged(err)
		}
	}
	s.server, err = newServer(s)
	if err != nil {
		return nil, err
	}
	name, commit := buildVersion()
	s.log.Info("cryptomem starts", "version", name, "commit", commit, "max_memory", quantity.FormatSize(s.server.Cache().Stats().MaxMemory>>20<<20)) // to the MiB
	s.warnOfFiles(stats.ReadProcess().MaxFiles)
	return s, nil
}

func (s *service) listening() listening {
	w := listening{secure: s.config.TLSAddr, mode: s.config.UnixMode, certs: s.certs, tlsOnly: s.config.TLSOnly(), exposed: s.config.Exposed}
	if w.tlsOnly {
		w.secure = s.config.Addr
	} else {
		w.plain = s.config.Addr
	}
	return w
}

// warnOfFiles says so where clients are turned away before max_connections is
// reached, because the process may only have so many files open; 0 is unknown.
func (s *service) warnOfFiles(most uint64) {
	need := stats.FilesFor(s.config.MaxConnections)
	if most == 0 || most >= need {
		return
	}
	s.log.Warn("this process may have too few files open for max_connections, and serves fewer", "open_files", most, "needed", need,
		"max_connections", s.config.MaxConnections, "served", stats.ConnectionsFor(most, s.config.MaxConnections))
}

// warnOfLostLines says so where the log has holes, once it is read again.
func (s *service) warnOfLostLines() {
	w, ok := s.console.err.(*patientWriter)
	if !ok {
		return
	}
	if n := w.takeLost(); n > 0 {
		s.log.Warn("lines of this log were lost: nobody read standard error", "lines", n)
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

// run serves until ctx ends, or a listener fails.
func (s *service) run(ctx context.Context, failed <-chan error, hangup <-chan os.Signal) error {
	look := time.NewTicker(watchInterval)
	defer look.Stop()
	settle := time.NewTicker(ebbInterval)
	defer settle.Stop()
	var connections ebb
	for {
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		case <-hangup:
			notifyReloading()
			s.reload()
			notify(ready)
		case <-settle.C:
			if connections.fell(s.server.Stats()) {
				runtime.GC() // for what pools keep until the second one
				debug.FreeOSMemory()
			}
		case <-look.C:
			notify(alive)
			s.warnOfLostLines()
			s.denials.flush()
			for _, f := range s.followed {
				f.look()
			}
		}
	}
}

// drain ends the server in order, or after the timeout by force. Either way it
// was asked to end and has: that is no failure.
func (s *service) drain() error {
	timeout := s.config.ShutdownTimeout
	s.log.Info("shutting down", "timeout", quantity.FormatDuration(timeout))
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("connections were cut: they did not end in time", "shutdown_timeout", quantity.FormatDuration(timeout))
		err = nil
	}
	err = errors.Join(err, s.operations.end())
	s.log.Info("cryptomem ends")
	return err
}
