package cli

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem/server/access"
	"github.com/Zezezknight/cryptomem/cryptomem/server/certs"
	"github.com/Zezezknight/cryptomem/cryptomem/server/config"
)

const configUsage = `Usage:
    cryptomem config [--check] [--config FILE] [--SETTING VALUE]...
    cryptomem config --reference

Prints the configuration that "cryptomem serve" would run with, as a file that
it could be started from, with the place that each value came from.

    --check      print nothing; exit 2 if the configuration is wrong, or a
                 certificate, key or identities file that it names
    --reference  print what every setting means, as Markdown

The other flags are those of "cryptomem serve".

Example:
    $ CRYPTOMEM_MAX_MEMORY=2GiB cryptomem config --addr localhost:9000
    addr: localhost:9000           # flag --addr
    max_memory: 2GiB               # environment CRYPTOMEM_MAX_MEMORY
    max_value_size: 1MiB           # default
    ...
`

func showConfig(_ context.Context, c *console, args []string) error {
	fs := pflag.NewFlagSet("config", pflag.ContinueOnError)
	check := fs.Bool("check", false, "")
	reference := fs.Bool("reference", false, "")
	cfg, err := loadConfig(c, fs, args)
	switch {
	case *reference:
		_, err = fmt.Fprint(c.out, config.Reference())
		return err
	case err != nil:
		return err
	case *check:
		return checkFiles(cfg)
	}
	w := tabwriter.NewWriter(c.out, 31, 0, 1, ' ', 0)
	for _, s := range config.Settings() {
		fmt.Fprintf(w, "%s: %s\t# %s\n", s.Name, cfg.FileValue(s), cfg.Origin(s.Name))
	}
	return w.Flush()
}

// checkFiles reads the files without which the server does not start, and
// reports all that is wrong with them as [config.Problems].
func checkFiles(cfg *config.Config) error {
	var problems config.Problems
	check := func(setting string, err error) {
		var inside config.Problems
		switch {
		case errors.As(err, &inside):
			problems = append(problems, inside...)
		case err != nil:
			problems = append(problems, config.Problem{Where: cfg.Origin(setting), Text: setting + ": " + printable(err.Error())})
		}
	}
	if cfg.TLSCert != "" {
		_, err := certs.Load(certs.Files{Cert: cfg.TLSCert, Key: cfg.TLSKey})
		check("tls_cert", err)
	}
	if cfg.TLSClientCA != "" {
		_, err := certs.ReadAuthorities(cfg.TLSClientCA)
		check("tls_client_ca", err)
	}
	if cfg.Identities != "" {
		_, err := access.Load(cfg.Identities)
		check("identities", err)
	}
	if len(problems) == 0 {
		return nil
	}
	return problems
}
