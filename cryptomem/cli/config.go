package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/certs"
	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
	"github.com/Zezezknight/cryptomem/cryptomem/valkeystore"
	"github.com/Zezezknight/cryptomem/sealing"
	"github.com/Zezezknight/cryptomem/transport/address"
)

const configUsage = `Usage:
    cryptomem config [--proxy] [--check] [--config FILE] [--SETTING VALUE]...
    cryptomem config [--proxy] --reference

Prints the configuration that "cryptomem serve" would use, as a configuration
file, and where each value comes from.

    --check      print only warnings; exit 2 if the configuration is wrong, or
                 a certificate, key or identities file that it names
    --reference  print what each setting means, as Markdown
    --proxy      show the configuration of "cryptomem proxy" instead

The other flags are those of "cryptomem serve", or of "cryptomem proxy".

Example:
    $ CRYPTOMEM_MAX_MEMORY=2GiB cryptomem config --addr localhost:9000
    addr: localhost:9000           # flag --addr
    max_memory: 2GiB               # environment CRYPTOMEM_MAX_MEMORY
    max_value_size: 1MiB           # default
    ...
`

func showConfig(_ context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("config", pflag.ContinueOnError)
	show := shownConfig{
		check: fs.Bool("check", false, ""), reference: fs.Bool("reference", false, ""),
	}
	fs.Bool("proxy", false, "")
	if slices.Contains(args, "--proxy") {
		cfg, err := loadProxyConfig(c, fs, args)
		if err == nil {
			c.warnOfAdmin(cfg.Admin, cfg.Origin)
		}
		if cfg == nil {
			cfg = config.DefaultProxy()
		}
		return show.print(c, err, config.ProxyReference(), func() error { return checkProxyFiles(c, cfg) },
			func(w io.Writer) { writeSettings(w, cfg, config.ProxySettings(), cfg.Origin) })
	}
	cfg, err := loadConfig(c, fs, args)
	if cfg == nil {
		cfg = config.Default()
	}
	if err == nil {
		c.warnOfAdmin(cfg.Admin, cfg.Origin)
	}
	return show.print(c, err, config.Reference(), func() error { return checkFiles(cfg) },
		func(w io.Writer) { writeSettings(w, cfg, config.Settings(), cfg.Origin) })
}

// warnOfAdmin says so where strangers could look in.
func (c *console) warnOfAdmin(addr string, origin func(setting string) string) {
	if addr != "" && !address.IsLocal(addr) {
		where := origin("admin")
		fmt.Fprintf(c.err, "warning: %s: %s\n", where, config.About("admin", where, addr+" can be reached from other machines and asks for no password"))
	}
}

// shownConfig is what is to be shown of a configuration.
type shownConfig struct{ check, reference *bool }

func (s shownConfig) print(c *console, wrong error, reference string, check func() error, settings func(io.Writer)) error {
	if misused := usageError(""); errors.As(wrong, &misused) {
		return wrong
	}
	if *s.reference {
		_, err := fmt.Fprint(c.out, reference)
		return err
	}
	for _, warning := range config.UnknownEnv(os.Environ(), otherVariables) {
		fmt.Fprintln(c.err, "warning: environment: "+printable(warning))
	}
	switch {
	case wrong != nil:
		return wrong
	case *s.check:
		return check()
	}
	w := tabwriter.NewWriter(c.out, 31, 0, 1, ' ', 0)
	settings(w)
	return w.Flush()
}

func writeSettings[C any](w io.Writer, cfg *C, settings []config.SettingOf[C], origin func(string) string) {
	for _, s := range settings {
		fmt.Fprintf(w, "%s: %s\t# %s\n", s.Name, s.FileValue(cfg), origin(s.Name))
	}
}

// A fileCheck collects what is wrong with files.
type fileCheck struct {
	origin   func(setting string) string
	problems config.Problems
}

func (f *fileCheck) note(setting string, err error) {
	var inside config.Problems
	switch {
	case errors.As(err, &inside):
		f.problems.Join(inside)
	case err != nil:
		where := f.origin(setting)
		f.problems.Report(where, "%s", config.About(setting, where, printable(err.Error())))
	}
}

func (f *fileCheck) err() error {
	if len(f.problems) == 0 {
		return nil
	}
	return f.problems
}

// checkFiles reads the files without which the server does not start, and
// reports all that is wrong with them as [config.Problems].
func checkFiles(cfg *config.Config) error {
	f := fileCheck{origin: cfg.Origin}
	if cfg.TLSCert != "" {
		_, err := certs.Load(certs.Files{Cert: cfg.TLSCert, Key: cfg.TLSKey})
		f.note("tls_cert", err)
	}
	if cfg.TLSClientCA != "" {
		_, err := certs.ReadAuthorities(cfg.TLSClientCA)
		f.note("tls_client_ca", err)
	}
	if cfg.Identities != "" {
		_, err := access.Load(cfg.Identities)
		f.note("identities", err)
	}
	return f.err()
}

// checkProxyFiles is checkFiles for a proxy.
func checkProxyFiles(c *console, cfg *config.Proxy) error {
	f := fileCheck{origin: cfg.Origin}
	if cfg.TLSCert != "" {
		_, err := certs.Load(certs.Files{Cert: cfg.TLSCert, Key: cfg.TLSKey})
		f.note("tls_cert", err)
	}
	if cfg.PasswordFile != "" {
		_, err := access.ReadToken(cfg.PasswordFile)
		f.note("password_file", err)
	}
	if cfg.UpstreamTokenFile != "" {
		_, err := access.ReadToken(cfg.UpstreamTokenFile)
		f.note("upstream_token_file", err)
	}
	if cfg.UpstreamCA != "" {
		_, err := certs.ReadAuthorities(cfg.UpstreamCA)
		f.note("upstream_ca", err)
	}
	if strings.Contains(cfg.Upstream, "://") {
		_, err := valkeystore.ParseAddress(cfg.Upstream)
		f.note("upstream", err)
	}
	if file := proxyKeyFile(c, cfg); file == "" {
		f.note("key_file", errors.New("it is not set, nor is CRYPTOMEM_KEY_FILE"))
	} else if keyring, err := sealing.ReadKeyFile(file); err != nil {
		f.note("key_file", err)
	} else {
		// it was only looked at
		_ = keyring.Close()
	}
	return f.err()
}
