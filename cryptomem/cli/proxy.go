package cli

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem/proxy"
	redis "github.com/Zezezknight/cryptomem/cryptomem/proxy/command"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/resp"
	"github.com/Zezezknight/cryptomem/cryptomem/proxy/script"
	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/certs"
	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
	"github.com/Zezezknight/cryptomem/transport/address"
	"github.com/Zezezknight/cryptomem/transport/serve"
)

var proxyUsage = `Usage:
    cryptomem proxy --upstream STORE --key-file FILE [--SETTING VALUE]...
    cryptomem proxy --commands

Speaks Redis to programs on this machine and keeps their values sealed in a
cryptomem server, Valkey or Redis. A program only changes the address that it
connects to. Every client of the proxy can read everything, so let it listen on
loopback or a Unix socket, beside the program.

SIGINT and SIGTERM end it: it stops accepting, answers all complete commands,
and exits 0. SIGHUP reads the configuration again. A changed key file is read
without a signal.

    --config FILE
        A YAML file with settings (default $CRYPTOMEM_PROXY_CONFIG, or
        proxy.yaml if that exists).
    --commands
        Print the commands that it knows, as Markdown, and exit.

` + settingsHelp(config.ProxySettings()) + `
In a file, a setting is written with underscores: key_file: key.json. In the
environment it is CRYPTOMEM_PROXY_KEY_FILE=key.json. Flags overrule the
environment, which overrules the file.

Example:
    $ cryptomem keygen --output key.json
    $ cryptomem serve &
    $ cryptomem proxy --key-file key.json --namespace web &
    $ redis-cli set greeting hello
    OK
    $ cryptomem get greeting --key-file key.json --namespace web
    hello
`

// A proxyService is a running proxy with what can change while it runs.
type proxyService struct {
	daemon
	config   *config.Proxy
	clk      clock.Clock
	started  time.Time
	upstream *upstream
	proxy    *proxy.Proxy
	server   *serve.Server
	admin    adminListener
}

func proxyCommand(ctx context.Context, c *console, args []string) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	fs := pflag.NewFlagSet("proxy", pflag.ContinueOnError)
	list := fs.Bool("commands", false, "")
	cfg, err := loadProxyConfig(c, fs, args)
	var misused usageError
	if *list && !errors.As(err, &misused) {
		_, err = c.out.Write([]byte(redis.Reference()))
		return err
	}
	if err != nil {
		return err
	}
	s, err := newProxyService(c, cfg, args)
	if err != nil {
		return err
	}
	listeners, err := s.listening().open(ctx)
	if err == nil {
		err = s.openAdmin(ctx)
	}
	if err != nil {
		for _, l := range listeners {
			// no client has connected yet
			_ = l.Close()
		}
		return errors.Join(err, s.end())
	}
	s.answer(listeners, s.server)
	s.upstream.watch()
	err = s.run(ctx, hangup, s)
	s.upstream.drain()
	return errors.Join(err, s.shutdown(s.config.ShutdownTimeout, s.end))
}

func newProxyService(c *console, cfg *config.Proxy, args []string) (*proxyService, error) {
	s := &proxyService{daemon: daemon{name: "cryptomem proxy", console: c, args: args}, config: cfg, clk: clock.New()}
	s.started = s.clk.Now()
	s.openLog(cfg.LogFormat, cfg.LogLevel)
	var err error
	if cfg.TLSCert != "" {
		reload := func() error { return s.reloadCertificate(cfg.TLSCert, s.clk.Now()) }
		s.watched = append(s.watched, watchFiles("the certificate", s.log, reload, cfg.TLSCert, cfg.TLSKey))
		if s.certs, err = certs.Load(certs.Files{Cert: cfg.TLSCert, Key: cfg.TLSKey}); err != nil {
			return nil, configError{err}
		}
		s.warnOfCertificate(cfg.TLSCert, s.clk.Now())
	}
	keyFile := proxyKeyFile(c, cfg)
	if keyFile == "" {
		return nil, usageError(`no key: name a file that "cryptomem keygen" made with --key-file, CRYPTOMEM_PROXY_KEY_FILE or CRYPTOMEM_KEY_FILE`)
	}
	s.watched = append(s.watched, watchFiles("the key file", s.log, func() error { return s.upstream.rekey(keyFile) }, keyFile))
	if s.upstream, err = openUpstream(cfg, keyFile, s.clk, s.log); err != nil {
		return nil, configError{err}
	}
	settings, err := s.settings()
	if err != nil {
		return nil, errors.Join(configError{err}, s.upstream.close())
	}
	s.proxy = proxy.New(settings)
	s.server = s.proxy.NewServer(proxyLimits(cfg))
	version, commit := buildVersion()
	s.log.Info("cryptomem proxy starts", "version", version, "commit", commit, "config", cfg.File(), "upstream", s.upstream.shown, "namespace", s.upstream.namespace())
	s.warnOfFiles(stats.ReadProcess().MaxFiles, cfg.MaxConnections)
	return s, nil
}

// proxyKeyFile is the file with the keys that values are sealed with.
func proxyKeyFile(c *console, cfg *config.Proxy) string {
	return c.flagOr(cfg.KeyFile, "CRYPTOMEM_KEY_FILE")
}

// settings translates the configuration.
func (s *proxyService) settings() (proxy.Settings, error) {
	cfg := s.config
	settings := proxy.Settings{
		Space: s.upstream.space, Databases: s.upstream.databases(),
		Clock: s.clk, Random: rand.IntN, Logger: s.log,
		Commands:    redis.Limits{MaxMembers: cfg.MaxCollection, MaxCollection: int(cfg.MaxCollectionSize), MaxString: int(cfg.MaxValueSize), DefaultTTL: cfg.DefaultTTL, TouchSlack: float64(cfg.TouchSlack) / 100},
		Requests:    resp.Limits{MaxArg: max(int(cfg.MaxValueSize), minArg), MaxCommand: max(2*int(cfg.MaxValueSize), resp.DefaultMaxCommand)},
		MaxInFlight: cfg.MaxInFlight,
		Scripts:     script.Limits{Steps: cfg.ScriptSteps, Memory: cfg.ScriptMemory},
		EmptyScans:  cfg.EmptyScans, AllowFlushAll: cfg.FlushAll,
		StrictTransactions: cfg.StrictTransactions,
	}
	if cfg.PasswordFile != "" {
		password, err := access.ReadToken(cfg.PasswordFile)
		if err != nil {
			return settings, err
		}
		settings.Password = string(password)
	}
	return settings, nil
}

// minArg is the least that an argument may be, in bytes, however small values
// are: scripts are arguments, too.
const minArg = 1 << 20

// proxyLimits are those that a reload may change.
func proxyLimits(cfg *config.Proxy) proxy.Limits {
	return proxy.Limits{
		MaxConnections: stats.ConnectionsFor(stats.ReadProcess().MaxFiles, cfg.MaxConnections),
		CommandTimeout: cfg.CommandTimeout,
		WriteTimeout:   cfg.WriteTimeout,
		IdleTimeout:    cfg.IdleTimeout,
		AuthTimeout:    cfg.AuthTimeout,
	}
}

func (s *proxyService) listening() listening {
	return listening{
		addr: s.config.Addr, mode: s.config.UnixMode, certs: s.certs, tlsOnly: s.certs != nil,
		exposed: func(a address.Address, _ bool) bool { return s.config.Exposed(a) },
	}
}

// reload reads the configuration again, and applies what can change while the
// proxy runs.
func (s *proxyService) reload() {
	next, err := loadProxyConfig(s.console, pflag.NewFlagSet("proxy", pflag.ContinueOnError), s.args)
	reload(&s.daemon, s.config, next, err, func() {
		s.level.Set(s.config.LogLevel)
		s.server.SetLimits(proxyLimits(s.config).ServerConfig())
		s.upstream.setNotBefore(s.config.NotBefore)
	})
}

// end closes what is left when clients are gone.
func (s *proxyService) end() error {
	return errors.Join(s.server.Close(), s.admin.close(), s.upstream.close())
}
