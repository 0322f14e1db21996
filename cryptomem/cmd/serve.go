package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cache"
	"github.com/Zezezknight/cryptomem/cryptomem"
	"github.com/Zezezknight/cryptomem/cryptomem/config"
)

var serveUsage = `Usage:
    cryptomem [serve] [--config FILE] [--SETTING VALUE]...

Starts the server. SIGINT and SIGTERM end it: it stops accepting, answers what
has arrived whole, and exits 0.

    --config FILE
        A YAML file with settings (default $CRYPTOMEM_CONFIG, or config.yaml
        where that exists).

` + settingsHelp() + `
In a file, a setting is written with underscores: max_memory: 512MiB. In the
environment it is CRYPTOMEM_MAX_MEMORY=512MiB. Flags overrule the environment,
which overrules the file.

Example:
    $ cryptomem serve --max-memory 512MiB --log-format json
`

func serve(ctx context.Context, c *console, args []string) error {
	cfg, err := loadConfig(c, pflag.NewFlagSet("serve", pflag.ContinueOnError), args)
	if err != nil {
		return err
	}
	log := newLogger(c, cfg)
	eviction, err := cache.ParseEviction(cfg.Eviction)
	if err != nil {
		return err
	}
	server, err := cryptomem.NewServer(cryptomem.ServerConfig{
		MaxMemory:                cfg.MaxMemory,
		MaxValueSize:             int(cfg.MaxValueSize),
		Eviction:                 eviction,
		DefaultTTL:               cfg.DefaultTTL,
		AllowFlush:               cfg.Flush,
		MaxConnections:           cfg.MaxConnections,
		MaxConnectionsPerAddress: orUnlimited(cfg.MaxConnectionsPerAddress),
		MaxInFlight:              cfg.MaxInFlight,
		FrameTimeout:             cfg.FrameTimeout,
		WriteTimeout:             cfg.WriteTimeout,
		IdleTimeout:              orUnlimited(cfg.IdleTimeout),
		Logger:                   log,
	})
	if err != nil {
		return err
	}
	listeners, err := listen(ctx, cfg.Addr)
	if err != nil {
		return errors.Join(err, server.Close())
	}
	name, commit := buildVersion()
	log.Info("cryptomem starts", "version", name, "commit", commit, "max_memory", config.FormatSize(cfg.MaxMemory))
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		log.Info("listening", "addr", l.Addr().String())
		go func() { failed <- server.Serve(l) }()
	}
	select {
	case err := <-failed:
		return errors.Join(err, server.Close())
	case <-ctx.Done():
	}
	return drain(server, cfg.ShutdownTimeout, log)
}

// drain ends the server in order, or after the timeout by force. Either way it
// was asked to end and has: that is no failure.
func drain(server *cryptomem.Server, timeout time.Duration, log *slog.Logger) error {
	log.Info("shutting down", "timeout", config.FormatDuration(timeout))
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("connections were cut: they did not end in time", "shutdown_timeout", config.FormatDuration(timeout))
		err = nil
	}
	log.Info("cryptomem ends")
	return err
}

// listen opens all addresses or none.
func listen(ctx context.Context, addrs []string) (listeners []net.Listener, err error) {
	var lc net.ListenConfig
	for _, addr := range addrs {
		network, address := "tcp", addr
		if path, ok := strings.CutPrefix(addr, "unix:"); ok {
			network, address = "unix", path
		}
		l, err := lc.Listen(ctx, network, address)
		if err != nil {
			for _, l := range listeners {
				_ = l.Close() // nobody has connected yet
			}
			return nil, fmt.Errorf("listen on %s: %w", addr, err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

func newLogger(c *console, cfg *config.Config) *slog.Logger {
	opts := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(c.err, opts))
	}
	return slog.New(slog.NewTextHandler(c.err, opts))
}

// orUnlimited translates the 0 that switches a limit off in a configuration.
func orUnlimited[T int | time.Duration](n T) T {
	if n == 0 {
		return cryptomem.Unlimited
	}
	return n
}
