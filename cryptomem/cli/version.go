package cli

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/pflag"
)

const versionUsage = `Usage:
    cryptomem version

Prints the version of the binary, its commit, the Go release that built it, and
its platform.

Example:
    $ cryptomem version
    cryptomem v1.0.0 (commit 0123456789ab, go1.26.0, linux/amd64)
`

// version is set by release builds; others tell what the module's build knows.
var version = ""

func showVersion(_ context.Context, c *console, args []string) error {
	operands, err := parse(pflag.NewFlagSet("version", pflag.ContinueOnError), args)
	if err != nil {
		return err
	}
	if len(operands) > 0 {
		return usageError(fmt.Sprintf("unexpected %q", operands[0]))
	}
	name, commit := buildVersion()
	_, err = fmt.Fprintf(c.out, "cryptomem %s (commit %s, %s, %s/%s)\n", name, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// buildVersion returns the release and the commit as far as they are known.
func buildVersion() (name, commit string) {
	name, commit = version, "unknown"
	info, ok := debug.ReadBuildInfo()
	if ok && name == "" {
		name = info.Main.Version
	}
	if name == "" || name == "(devel)" {
		name = "devel"
	}
	if !ok {
		return name, commit
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			commit += " with changes"
		}
	}
	return name, commit
}
