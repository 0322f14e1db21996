package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"github.com/Zezezknight/cryptomem/cryptomem/config"
)

const configUsage = `Usage:
    cryptomem config [--check] [--config FILE] [--SETTING VALUE]...
    cryptomem config --reference

Prints the configuration that "cryptomem serve" would run with, as a file that
it could be started from, with the place that each value came from.

    --check      print nothing; exit 2 if the configuration is wrong
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
	case err != nil || *check:
		return err
	}
	w := tabwriter.NewWriter(c.out, 31, 0, 1, ' ', 0)
	for _, s := range config.Settings() {
		fmt.Fprintf(w, "%s: %s\t# %s\n", s.Name, cfg.FileValue(s), cfg.Origin(s.Name))
	}
	return w.Flush()
}
