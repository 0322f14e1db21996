package cli

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/Zezezknight/cryptomem/cryptomem/quantity"
	"github.com/Zezezknight/cryptomem/cryptomem/server/certs"
	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
	"github.com/Zezezknight/cryptomem/cryptomem/server/stats"
	"github.com/Zezezknight/cryptomem/transport/serve"
)

// A daemon is what the server and the proxy have in common. They answer clients
// until they are told to end; they read their configuration again when they are
// told to, and some files when those change.
type daemon struct {
	// name in the log.
	name    string
	console *console
	// args for reading the configuration again.
	args []string

	level slog.LevelVar
	log   *slog.Logger
	// certs is nil without TLS.
	certs *certs.Source
	// The certificate, and others.
	watched []*watchedFiles
	clients clientServer
	// failed of listeners.
	failed chan error
}

// A clientServer answers clients.
type clientServer interface {
	Serve(net.Listener) error
	Stats() serve.ServerStats
	Shutdown(context.Context) error
}

// A program is the server or the proxy, as far as they differ while they run.
type program interface {
	// Reads the configuration again.
	reload()
	// Every watchInterval, reads files again that have changed.
	look()
}

// openLog begins the log, with what is odd in the environment.
func (d *daemon) openLog(format string, level slog.Level) {
	d.level.Set(level)
	d.log = newLogger(d.console, format, &d.level)
	for _, warning := range config.UnknownEnv(os.Environ(), otherVariables) {
		d.log.Warn("environment: " + warning)
	}
}

// warnOfFiles says so where clients are turned away before max_connections is
// reached, because the process may only have so many files open; 0 is unknown.
func (d *daemon) warnOfFiles(most uint64, maxConnections int) {
	need := stats.FilesFor(maxConnections)
	if most == 0 || most >= need {
		return
	}
	d.log.Warn("the limit on open files is too low for max_connections, fewer are served", "open_files", most, "needed", need,
		"max_connections", maxConnections, "served", stats.ConnectionsFor(most, maxConnections))
}

// answer begins to answer clients.
func (d *daemon) answer(listeners []listener, clients clientServer) {
	d.clients, d.failed = clients, make(chan error, len(listeners))
	for _, l := range listeners {
		d.log.Info("listening", "addr", l.Addr().String(), "tls", l.tls)
		go func() { d.failed <- clients.Serve(l) }()
	}
}

// run stays until ctx ends, or a listener fails.
func (d *daemon) run(ctx context.Context, hangup <-chan os.Signal, p program) error {
	notify(ready)
	look := time.NewTicker(watchInterval)
	defer look.Stop()
	settle := time.NewTicker(scavengeInterval)
	defer settle.Stop()
	memory := newScavenger()
	for {
		select {
		case err := <-d.failed:
			return err
		case <-ctx.Done():
			return nil
		case <-hangup:
			notifyReloading()
			p.reload()
			notify(ready)
		case <-settle.C:
			memory.settle(d.clients.Stats())
		case <-look.C:
			notify(alive)
			p.look()
		}
	}
}

// look is a program's, where it has nothing to add.
func (d *daemon) look() {
	d.warnOfLostLines()
	for _, f := range d.watched {
		f.check()
	}
}

// warnOfLostLines says so where the log has holes, once it is read again.
func (d *daemon) warnOfLostLines() {
	w, ok := d.console.err.(*asyncWriter)
	if !ok {
		return
	}
	if n := w.takeLost(); n > 0 {
		d.log.Warn("lines of this log were lost: standard error was not read", "lines", n)
	}
}

// reloadCertificate takes a certificate whatever its dates: the one that it
// replaces need not be better, and clocks can be wrong.
func (d *daemon) reloadCertificate(file string, now time.Time) error {
	err := d.certs.Reload()
	if err == nil {
		d.warnOfCertificate(file, now)
	}
	return err
}

// warnOfCertificate says so where clients refuse the certificate for its dates.
func (d *daemon) warnOfCertificate(file string, now time.Time) {
	valid := d.certs.Valid()
	problem := "has expired"
	switch {
	case now.Before(valid.From):
		problem = "is not valid yet"
	case !now.After(valid.Until):
		return
	}
	d.log.Warn("the certificate "+problem+": clients refuse it", "file", file,
		"valid_from", valid.From.UTC().Format(time.RFC3339), "valid_until", valid.Until.UTC().Format(time.RFC3339), "now", now.UTC().Format(time.RFC3339))
}

// shutdown ends in order, or after the timeout by force. Either way it was asked
// for: that is no failure. end closes what is left when clients are gone.
func (d *daemon) shutdown(timeout time.Duration, end func() error) error {
	notify(stopping)
	d.log.Info("shutting down", "timeout", quantity.FormatDuration(timeout))
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := d.clients.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		d.log.Warn("connections were cut: they did not end in time", "shutdown_timeout", quantity.FormatDuration(timeout))
		err = nil
	}
	err = errors.Join(err, end())
	d.log.Info(d.name + " ends")
	return err
}
